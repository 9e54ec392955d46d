"""One engine measured: the same clock for all, read off the broker and not off the engine.

The clock starts when the broker has given the engine's consumer group its partitions, which is just
before the first record is consumed: starting Python and importing is left out, opening state is
not. It stops when the last result was committed: when the end of what can be read of the output
topic last moved. The ceiling writes nothing; its result is its committed offsets, as the
pipeline's are those of its sink, which commits what it has written to ClickHouse.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.engine import Engine, PairKey, Place, Running
from benchmarks.kafka_side import Broker
from benchmarks.oracle import Tally, TruePair, tally
from benchmarks.usage import Usage
from schemas.errors import OursError

LOOK_EVERY_S = 0.025
LOOK_AT_GROUP_EVERY_S = 0.25
START_TIMEOUT_S = 45.0
# With all input committed as done, nothing more comes once the output stood still for the first of
# these; an engine that commits ahead of its work, or stands still for good, is given the second.
SETTLED_AFTER_S = 1.0
STALLED_AFTER_S = 5.0
FIRST_RESULT_AFTER_S = 30.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """What an engine reached; everything is None when it could not be measured, as `error` says."""

    engine: str
    events_per_s: float | None = None
    pairs_found: int | None = None
    pairs_there: int | None = None
    cpu_s_per_million: float | None = None
    peak_mb: float | None = None
    wrong_pairs: int | None = None
    events: int | None = None
    version: str | None = None
    note: str = ""
    error: str | None = None


@dataclass(frozen=True)
class Work:
    """The input as it stands in the topics of a prefix, and the pairs that are in it."""

    prefix: str
    events: int
    pairs: dict[PairKey, TruePair]


class Measurement:
    """A run of one engine over `work`; `seconds_max` is how long it may take at most."""

    def __init__(
        self, engine: Engine, place: Place, work: Work, broker: Broker, seconds_max: float
    ) -> None:
        self._engine, self._place, self._work, self._broker = engine, place, work, broker
        self._seconds_max = seconds_max
        self._usage = Usage()
        topic = engine.output_topic(place)
        self._topic = topic
        self._result_group = engine.result_group(place)
        self._result_topics = broker.topics_of(place.prefix)
        self._seconds = self._cpu_s = 0.0

    def run(self, log_path: Path, say: Say) -> Result:
        """Start the engine, wait until it has worked everything off, and stop it.

        Raises OursError when it dies, does not start, or is not done in time.
        """
        if self._topic is not None:
            self._broker.create_output(self._topic)
        running = self._engine.start(self._place, log_path)
        try:
            say("starting")
            self._await_results(running, self._await_group(running), say)
        finally:
            running.stop()
        # What it wrote is read when it has stopped, so that reading costs it nothing.
        return self._result(
            tally(self._engine.written(self._place, self._broker.read), self._work.pairs)
        )

    def _await_group(self, running: Running) -> float:
        """Return when the broker was last seen without an answer, just before it had one.

        Later would be too late for an engine that starts at once on a machine that is busy.
        """
        before = asked = time.monotonic()
        deadline = before + START_TIMEOUT_S
        groups = self._engine.groups(self._place)
        while not self._broker.any_group_ready(groups):
            running.check()
            if time.monotonic() > deadline:
                raise OursError(f"it had no partitions after {START_TIMEOUT_S:g} s")
            time.sleep(LOOK_EVERY_S)
            before, asked = asked, time.monotonic()
        return before

    def _progress(self) -> int:
        if self._result_group is not None:
            return self._broker.group_position(self._result_group, self._result_topics)
        assert self._topic is not None
        return self._broker.committed_end([self._topic])

    def _consumed(self) -> int:
        groups = self._engine.groups(self._place)
        return self._broker.group_position(groups[0], self._place.inputs)

    def _await_results(self, running: Running, begun: float, say: Say) -> None:
        moved_at = looked_at = begun
        before = 0
        pids = running.process_ids()
        self._usage.begin(pids)
        consumed, unsampled = 0, False
        while True:
            running.check()
            progress, now = self._progress(), time.monotonic()
            if progress != before:
                before, moved_at, unsampled = progress, now, True
            if self._usage.sample_if_due(pids) and unsampled:
                # What it spends once all is done, waiting for more, is not told.
                self._cpu_s, unsampled = self._usage.cpu_s, False
            if now - looked_at > LOOK_AT_GROUP_EVERY_S:
                looked_at, consumed = now, self._consumed()
                say(f"{now - begun:.0f} s, {consumed:,} events committed, results at {progress:,}")
            if now - moved_at > self._patience_s(consumed, progress):
                break
            if now - begun > self._seconds_max:
                raise OursError(f"it was not done after {self._seconds_max:.0f} s")
            time.sleep(LOOK_EVERY_S)
        if not before:
            raise OursError(f"it wrote nothing within {FIRST_RESULT_AFTER_S:g} s")
        self._seconds = moved_at - begun

    def _patience_s(self, consumed: int, progress: int) -> float:
        if not progress:
            return FIRST_RESULT_AFTER_S
        through = self._engine.commits_what_is_done and consumed >= self._work.events
        return SETTLED_AFTER_S if through else STALLED_AFTER_S

    def _result(self, counted: Tally) -> Result:
        return Result(
            self._engine.name,
            events_per_s=round(self._work.events / self._seconds, 1),
            pairs_found=counted.found,
            pairs_there=len(self._work.pairs),
            cpu_s_per_million=round(self._cpu_s / self._work.events * 1e6, 2),
            peak_mb=round(self._usage.peak_mb, 1),
            wrong_pairs=counted.wrong,
            events=self._work.events,
            version=version_of(self._engine),
            note=self._engine.note,
        )


def version_of(engine: Engine) -> str | None:
    """Return the version of an engine's package in its own environment, None if it is not there."""
    folders = [str(path) for path in engine.python.parents[1].glob("lib/python3*/site-packages")]
    found = metadata.distributions(name=engine.distribution, path=folders)
    return next((distribution.version for distribution in found), None)
