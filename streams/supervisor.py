"""Keeps the stages running: a process that ends is named and started again."""

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from schemas.errors import UserError
from streams.last_words import last_words
from streams.local.child import Child
from streams.process_end import EXIT_USER

# What no checkpoint holds is read again, so a stage that takes longer may be killed.
STOP_GRACE_S = 2.5
WATCH_EVERY_S = 0.2
RESTART_AFTER_S = 0.5
RESTART_AFTER_MAX_S = 15.0
# One that ran this long starts again at once if it ends.
SETTLED_AFTER_S = 30.0
FAILURES_MAX = 20


# Stages work with small arrays: NumPy's threads would only wait for each other.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class _Watched:
    """A stage process with what is needed to start it again."""

    def __init__(self, name: str, make: Callable[[], Child]) -> None:
        self.name, self._make = name, make
        self.failures = 0
        self.due = 0.0
        self.child: Child | None = None
        self.started = 0.0

    def start(self) -> None:
        self.child = self._make()
        self.child.start()
        self.started = time.monotonic()


class Supervisor:
    """Runs stage processes until it is stopped; `say` gets a line whenever one is started again.

    `processes` is how many of each stage, or by stage. `environment` is added to each process's
    own; logs go below `log_dir`. `entry` are Python's arguments that run a stage process.
    """

    def __init__(
        self,
        stages: Sequence[str],
        processes: int | Mapping[str, int],
        environment: Mapping[str, str],
        log_dir: Path,
        say: Callable[[str], None],
        entry: Sequence[str] = ("-m", "streams.stage_process"),
    ) -> None:
        self._say, self._entry = say, entry
        self._stopping = threading.Event()
        counts = dict.fromkeys(stages, processes) if isinstance(processes, int) else processes
        self._watched = [
            self._watch(stage, number, environment, log_dir)
            for stage in stages
            for number in range(1, counts[stage] + 1)
        ]

    def _watch(
        self, stage: str, number: int, environment: Mapping[str, str], log_dir: Path
    ) -> _Watched:
        name = f"{stage} {number}"

        def make() -> Child:
            command = [sys.executable, *self._entry, stage, str(number)]
            log_path = log_dir / f"stage-{stage}-{number}.log"
            its_own = ONE_THREAD | dict(environment)
            return Child(f"stage {name}", command, log_path, environment=its_own)

        return _Watched(name, make)

    @property
    def process_ids(self) -> dict[str, int]:
        """Process id of each stage process by name, such as "join 1"."""
        return {w.name: w.child.pid for w in self._watched if w.child is not None}

    def start(self) -> None:
        """Start every process."""
        for watched in self._watched:
            watched.start()

    def watch(self, look: Callable[[], None] = lambda: None) -> None:
        """Start again what ends and call `look`, until `stop`; blocks.

        Raises UserError when settings are wrong.
        """
        while not self._stopping.wait(WATCH_EVERY_S):
            self.check()
            look()

    def check(self) -> None:
        """Look at every process once; see `watch`."""
        for watched in self._watched:
            now = time.monotonic()
            if watched.child is None:
                if now >= watched.due and not self._stopping.is_set():
                    watched.start()
                continue
            code = watched.child.poll()
            if code is not None:
                self._ended(watched, code, now)

    def _ended(self, watched: _Watched, code: int, now: float) -> None:
        assert watched.child is not None
        log_end = watched.child.log_end()
        watched.child.stop(0.0)  # whatever it had started must not outlive it
        if now - watched.started > SETTLED_AFTER_S:
            watched.failures = 0
        watched.failures += 1
        if code == EXIT_USER or watched.failures > FAILURES_MAX:
            raise UserError(f"stage {watched.name} cannot run. Its log ends with:\n{log_end}")
        delay_s = min(RESTART_AFTER_S * 2 ** (watched.failures - 1), RESTART_AFTER_MAX_S)
        self._say(
            f"stage {watched.name} ended with code {code} ({last_words(log_end)}); starting it "
            f"again in {delay_s:g} s"
        )
        watched.child, watched.due = None, now + delay_s

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Stop every process, side by side; what takes longer than `grace_s` is killed."""
        self._stopping.set()
        children = [w.child for w in self._watched if w.child is not None]
        for child in children:
            child.request_stop()
        deadline = time.monotonic() + grace_s
        for child in children:
            child.stop(max(0.0, deadline - time.monotonic()))
