"""The stage processes of one seed: each with its trap, started again when it ends."""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fault_plan import Plan, Trap
from fault_points import MARKERS_VARIABLE, TRAP_VARIABLE

from schemas.errors import OursError
from streams.local.child import Child

ENTRY = Path(__file__).with_name("stage_with_faults.py")
RESTART_AFTER_S = 0.2
ENDS_MAX = 15
EXIT_USER = 2
STOP_GRACE_S = 4.0

Marker = dict[str, Any]


class Worker:
    """One stage process after another under one name, such as "join 1"."""

    def __init__(self, name: str, plan: Plan, folder: Path, environment: Mapping[str, str]) -> None:
        self.name, self.stage = name, name.split()[0]
        self._traps: tuple[Trap, ...] = plan.traps.get(name, ())
        self._wiped = name in plan.wiped
        slug = name.replace(" ", "-")
        own = plan.own_folders or self._wiped
        self.state_dir = folder / (slug if own else "shared")
        self._markers = folder / f"markers-{slug}.jsonl"
        self._markers_bytes = 0
        self._told: list[Marker] = []
        self._log = folder / f"stage-{slug}.log"
        self._environment = dict(environment) | {
            "RECALIBRA_STATE_DIR": str(self.state_dir),
            MARKERS_VARIABLE: str(self._markers),
        }
        self.child: Child | None = None
        self.wanted = False
        self.due = 0.0
        self.ends: list[str] = []

    @property
    def markers(self) -> list[Marker]:
        """What the processes of this worker wrote down, oldest first."""
        if self._markers.exists() and self._markers.stat().st_size > self._markers_bytes:
            data = self._markers.read_bytes()
            self._markers_bytes = len(data)
            self._told = [json.loads(line) | {"worker": self.name} for line in data.splitlines()]
        return self._told

    @property
    def sprung(self) -> int:
        """How many of its traps have taken effect."""
        return sum(marker["what"] in ("kill", "stop") for marker in self.markers)

    @property
    def traps_left(self) -> list[str]:
        """The traps that have not taken effect yet."""
        return [f"{self.name} {trap}" for trap in self._traps[self.sprung :]]

    def start(self) -> None:
        """Start a process with the next trap that has not taken effect."""
        self.wanted = True
        sprung = self.sprung
        if self._wiped and sprung == 1:
            shutil.rmtree(self.state_dir / "stores", ignore_errors=True)
        trap = str(self._traps[sprung]) if sprung < len(self._traps) else ""
        command = [sys.executable, str(ENTRY), self.stage]
        environment = self._environment | {TRAP_VARIABLE: trap}
        self.child = Child(self.name, command, self._log, environment=environment)
        self.child.start()

    def leave(self) -> None:
        """Ask the process to stop cleanly; it is not started again."""
        self.wanted = False
        if self.child is not None:
            self.child.request_stop()

    def check(self) -> None:
        """Start the process again if it has ended.

        Raises OursError when it ends too often or says that settings are wrong.
        """
        now = time.monotonic()
        if self.child is None:
            if self.wanted and now >= self.due:
                self.start()
            return
        code = self.child.poll()
        if code is None:
            return
        words = [line for line in self.child.log_end().splitlines() if line.strip()]
        self.ends.append(f"{self.name} ended with code {code}: {words[-1] if words else ''}")
        self.child.stop(0.0)
        self.child, self.due = None, now + RESTART_AFTER_S
        if code == EXIT_USER or len(self.ends) > ENDS_MAX:
            raise OursError(f"{self.ends[-1]} ({len(self.ends)} ends); its log is {self._log}")


class Crew:
    """All workers of one seed."""

    def __init__(self, plan: Plan, folder: Path, environment: Mapping[str, str]) -> None:
        self._plan, self._folder, self._environment = plan, folder, environment
        self.workers: dict[str, Worker] = {}

    def start(self, name: str) -> Worker:
        """Start a worker, such as "join 2"; nothing happens when it runs."""
        if name not in self.workers:
            self.workers[name] = Worker(name, self._plan, self._folder, self._environment)
        worker = self.workers[name]
        worker.wanted = True
        worker.check()
        return worker

    def check(self) -> None:
        """Start again what has ended."""
        for worker in list(self.workers.values()):
            worker.check()

    def markers(self, *kinds: str, stage: str | None = None, after: float = 0.0) -> list[Marker]:
        """Return the markers of these kinds since a time, in order of time."""
        found = [
            marker
            for worker in self.workers.values()
            if stage in (None, worker.stage)
            for marker in worker.markers
            if marker["what"] in kinds and marker["at"] >= after
        ]
        return sorted(found, key=lambda marker: float(marker["at"]))

    def traps_left(self) -> list[str]:
        """Return the planned traps that have not taken effect, of all workers ever planned."""
        left: list[str] = []
        for name, traps in self._plan.traps.items():
            worker = self.workers.get(name)
            left += worker.traps_left if worker else [f"{name} {trap}" for trap in traps]
        return left

    @property
    def lives(self) -> tuple[object, ...]:
        """What changes whenever a process ends, starts, or takes lanes over."""
        return tuple(
            (worker.child is None, len(worker.ends), len(worker.markers))
            for worker in self.workers.values()
        )

    def tell_stacks(self) -> None:
        """Have every process write into its log where its threads stand."""
        for worker in self.workers.values():
            markers = worker.markers
            if worker.child is not None and markers:
                send_signal(int(markers[-1]["pid"]), signal.SIGUSR1)

    def stop(self) -> None:
        """End all processes, the stopped ones too."""
        children = [w.child for w in self.workers.values() if w.child is not None]
        for marker in self.markers("stop"):
            send_signal(int(marker["pid"]), signal.SIGCONT)
        for child in children:
            child.request_stop()
        deadline = time.monotonic() + STOP_GRACE_S
        for child in children:
            child.stop(max(0.0, deadline - time.monotonic()))


def send_signal(pid: int, number: signal.Signals) -> bool:
    """Send a signal; return False when the process is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
