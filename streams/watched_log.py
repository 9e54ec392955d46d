"""A lane's log that is measured: once per checkpoint, never per record."""

import time
from collections.abc import Callable

from streams.lane_facts import LaneFacts
from streams.lane_log import Checkpoint, LaneLog
from streams.lane_store import DurableStore
from streams.metrics import StageMetrics


class WatchedLaneLog:
    """Passes everything on to another log, and says what was committed; see `LaneLog`."""

    def __init__(
        self, inner: LaneLog, partition: int, facts: LaneFacts, metrics: StageMetrics
    ) -> None:
        self._inner, self._partition = inner, partition
        self._facts, self._metrics = facts, metrics
        # How many records the lane has taken; set when there is a lane.
        self.records_taken: Callable[[], int] = int
        self._counted = 0

    def fence(self) -> None:
        """See `LaneLog.fence`."""
        self._inner.fence()

    def restore(self, store: DurableStore, given_up: Callable[[], bool]) -> int:
        """See `LaneLog.restore`."""
        applied = self._inner.restore(store, given_up)
        self._metrics.restored(self._partition, applied)
        return applied

    def commit(self, checkpoint: Checkpoint) -> int:
        """See `LaneLog.commit`."""
        began_s = time.monotonic()
        position = self._inner.commit(checkpoint)
        self._facts.committed()
        taken = self.records_taken()
        self._metrics.committed(
            self._partition, checkpoint.outgoing, taken - self._counted, time.monotonic() - began_s
        )
        self._counted = taken
        return position

    def close(self) -> None:
        """See `LaneLog.close`."""
        self._inner.close()
