"""What one address is still to be told, what of it is due, and which offsets are done with."""

from collections import deque
from random import Random
from typing import NamedTuple

from sinks.notify._notice import Notice

BACKOFF_S = 1.0
BACKOFF_MAX_S = 600.0


class Item(NamedTuple):
    """A notice, where its alert was read, and when it is given up, in seconds since 1970."""

    partition: int
    offset: int
    notice: Notice
    give_up_at_s: float


class Outbox:
    """Notices by alert, each alert's in their order; one that waits holds up its own alert only."""

    def __init__(self, random: Random) -> None:
        """Prepare; `random` spreads the times of what failed together."""
        self._random = random
        self._queues: dict[str, deque[Item]] = {}
        self._due_s: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._open: dict[int, set[int]] = {}
        self._next: dict[int, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def seen(self, partition: int, offset: int) -> None:
        """Take note that a record was read; without `add` it is done with."""
        self._next[partition] = max(offset + 1, self._next.get(partition, 0))

    def add(self, item: Item) -> None:
        """Take a notice; it is due at once unless others of its alert wait."""
        self._open.setdefault(item.partition, set()).add(item.offset)
        self.seen(item.partition, item.offset)
        alert_id = item.notice.alert.alert_id
        self._queues.setdefault(alert_id, deque()).append(item)
        self._due_s.setdefault(alert_id, 0.0)

    def due(self, now_s: float) -> Item | None:
        """Return what has been due the longest, or None when nothing is."""
        alert_id = min(self._due_s, key=lambda a: self._due_s[a], default=None)
        if alert_id is None or self._due_s[alert_id] > now_s:
            return None
        return self._queues[alert_id][0]

    def later(self, item: Item, now_s: float, retry_after_s: float) -> float:
        """Let a notice wait longer with each failure, at least `retry_after_s`; return how long."""
        alert_id = item.notice.alert.alert_id
        if not self._has(item):
            return 0.0
        failures = self._failures.get(alert_id, 0)
        self._failures[alert_id] = failures + 1
        longest_s = min(BACKOFF_S * 2.0 ** min(failures, 30), BACKOFF_MAX_S)
        wait_s = max(self._random.uniform(longest_s / 2, longest_s), retry_after_s)
        # Not behind the last moment: then it is tried once more before it is given up.
        wait_s = min(wait_s, max(BACKOFF_S, item.give_up_at_s - now_s))
        self._due_s[alert_id] = now_s + wait_s
        return wait_s

    def done(self, item: Item) -> None:
        """Take off what was delivered or given up; what of its alert waits behind it is due now."""
        alert_id = item.notice.alert.alert_id
        if not self._has(item):
            return
        queue = self._queues[alert_id]
        queue.popleft()
        self._open[item.partition].discard(item.offset)
        self._failures.pop(alert_id, None)
        self._due_s[alert_id] = 0.0
        if not queue:
            del self._queues[alert_id], self._due_s[alert_id]

    def _has(self, item: Item) -> bool:
        """Return whether it is still ours: its partition may be another process's by now."""
        queue = self._queues.get(item.notice.alert.alert_id)
        return queue is not None and queue[0] is item

    def drop(self, partition: int) -> None:
        """Forget a partition that another process takes over."""
        for alert_id, queue in list(self._queues.items()):
            if queue[0].partition == partition:
                del self._queues[alert_id], self._due_s[alert_id]
                self._failures.pop(alert_id, None)
        self._open.pop(partition, None)
        self._next.pop(partition, None)

    def committable(self) -> dict[int, int]:
        """Return for each partition the first offset that is not done with."""
        return {
            partition: min(self._open.get(partition) or {behind})
            for partition, behind in self._next.items()
        }
