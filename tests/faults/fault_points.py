"""Traps in a stage process: it ends or stops itself at a named point of the checkpoint.

The production methods are wrapped, not changed. What took effect is written to a file of markers,
one JSON line each, since a killed process cannot tell it otherwise.
"""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fault_plan import Trap

from schemas.errors import FencedError, UnavailableError
from sinks.clickhouse import ClickHouseSink
from streams.lane import Lane
from streams.lane_log import KafkaLaneLog
from streams.lane_store import LaneStore
from streams.lane_task import LaneTask
from streams.stage_app import StageApp
from streams.transport import BlockConsumer

TRAP_VARIABLE = "FAULTS_TRAP"
MARKERS_VARIABLE = "FAULTS_MARKERS"
SLOW_WRITE_S = 3.0
FLUSH_TIMEOUT_S = 10.0
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Markers:
    """A file that this process appends to; each line is written at once."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, what: str, **details: object) -> None:
        """Append one marker."""
        line = json.dumps({"what": what, "at": time.time(), "pid": os.getpid(), **details})
        os.write(self._descriptor, line.encode() + b"\n")


class Trapped:
    """The trap of this process, and how often its point was passed."""

    def __init__(self, trap: Trap | None, markers: Markers) -> None:
        self._trap, self._markers = trap, markers
        self._passages: Counter[str] = Counter()
        self._lock = threading.Lock()

    def pass_by(
        self, point: str, partition: int | None = None, prepare: Callable[[], object] | None = None
    ) -> None:
        """Note a passage of a point; the trap's own passage does not return from a kill.

        `prepare` runs before the process goes, such as to have sent what it has in hand.
        """
        trap = self._trap
        if trap is None or trap.point != point:
            return
        with self._lock:
            self._passages[point] += 1
            if self._passages[point] != trap.passage:
                return
            if prepare is not None:
                prepare()
            self._markers.write(trap.action, point=point, partition=partition)
            os.kill(os.getpid(), SIGNALS[trap.action])


def trap_from(text: str) -> Trap | None:
    """Return the trap that a variable's text names, such as "kill:before_begin:3", if any."""
    if not text:
        return None
    action, point, passage = text.split(":")
    return Trap(action, point, int(passage))


def _wrap(owner: type, name: str, around: Callable[..., Any]) -> None:
    """Replace a method by one that is given the original: `around(original, self, ...)`."""
    original = getattr(owner, name)

    def wrapped(self: Any, *args: Any, **more: Any) -> Any:
        return around(original, self, *args, **more)

    setattr(owner, name, wrapped)


def set_traps(trap: Trap | None, markers: Markers) -> None:
    """Wrap every named point of this process."""
    trapped = Trapped(trap, markers)
    _around_checkpoints(trapped, markers)
    _around_taking_over(trapped, markers)
    _around_clickhouse(markers)


def _around_checkpoints(trapped: Trapped, markers: Markers) -> None:
    def commit(original: Any, log: Any, *args: Any) -> Any:
        partition = log._address.partition
        trapped.pass_by("before_begin", partition)
        try:
            return original(log, *args)
        except FencedError:
            markers.write("fenced", partition=partition)
            raise

    def commit_transaction(original: Any, log: Any, *args: Any) -> Any:
        # What waits in the client goes out first, so that an open transaction is left behind.
        def send() -> None:
            log._producer.flush(FLUSH_TIMEOUT_S)

        trapped.pass_by("after_produce", log._address.partition, send)
        return original(log, *args)

    def store(original: Any, store: Any, *args: Any) -> Any:
        trapped.pass_by("after_commit")
        return original(store, *args)

    _wrap(KafkaLaneLog, "commit", commit)
    _wrap(KafkaLaneLog, "_commit_transaction", commit_transaction)
    _wrap(LaneStore, "commit", store)


def _around_taking_over(trapped: Trapped, markers: Markers) -> None:
    def restore(original: Any, store: Any, records: Any, *args: Any) -> Any:
        # Half of it is applied, as when the process dies between two batches.
        if records:
            trapped.pass_by("during_restore")
        return original(store, records, *args)

    def opened(original: Any, lane: Any, *args: Any) -> Any:
        result = original(lane, *args)
        partition = lane.address.partition
        markers.write("opened", partition=partition, restored=lane.restored)
        return result

    async def seek(original: Any, consumer: Any, *args: Any) -> Any:
        result = await original(consumer, *args)
        if consumer.next_offsets():
            trapped.pass_by("after_seek")
        return result

    async def hand_over(original: Any, task: Any, *args: Any) -> Any:
        trapped.pass_by("hand_over", task.lane.address.partition)
        return await original(task, *args)

    async def assigned(original: Any, stage: Any, *args: Any, **more: Any) -> Any:
        result = await original(stage, *args, **more)
        markers.write("assigned", partitions=sorted(stage._tasks))
        return result

    _wrap(LaneStore, "restore", restore)
    _wrap(Lane, "open", opened)
    _wrap(BlockConsumer, "perform_seek", seek)
    _wrap(LaneTask, "hand_over", hand_over)
    _wrap(StageApp, "_assigned", assigned)


def _around_clickhouse(markers: Markers) -> None:
    def write(original: Any, sink: Any, *args: Any) -> Any:
        began = time.monotonic()
        try:
            return original(sink, *args)
        except UnavailableError:
            markers.write("clickhouse_away", waited_s=time.monotonic() - began)
            raise
        finally:
            waited_s = time.monotonic() - began
            if waited_s > SLOW_WRITE_S:
                markers.write("clickhouse_slow", waited_s=waited_s)

    _wrap(ClickHouseSink, "write", write)
