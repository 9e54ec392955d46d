"""Ends a worker process that makes no progress, so that its supervisor starts it again.

A lane that waits for a service or its disk is left alone: a new process would find it no better.
"""

import asyncio
import faulthandler
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, NamedTuple, Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from schemas.errors import OursError
from streams.unread import Peek, Place, Unread, stable_ends

log = logging.getLogger(__name__)

LOOKS_PER_TIME = 6
LOOK_EVERY_MAX_S = 15.0
ASK_TIMEOUT_S = 3.0
# A look asks Kafka up to so often.
ASKS = 3
MARGIN_S = 2.0
# A lane of a process whose one agent waits for room in the queue of another is not fed.
BUSY_PART = 0.5


class LaneSight(NamedTuple):
    """What is seen of a lane at a look.

    `moved` changes with everything that the lane does; `calling_for_s` is how long a call into it
    runs, None when none does; `waits` says that it waits for a service; `fed` that a block waits
    for it; `next_offsets` are by topic.
    """

    partition: int
    moved: tuple[int, int]
    calling_for_s: float | None
    waits: bool
    fed: bool
    next_offsets: dict[str, int]


class StageSight(NamedTuple):
    """What is seen of a process at a look.

    `lost` says that lanes are assigned which it does not have, and that it is not about to take
    them over; `offered_s` is how long its agent has waited for room in all its life.
    """

    lanes: list[LaneSight]
    lost: bool
    offered_s: float


class AskUnread(Protocol):
    """Asks Kafka which of some partitions have records at or behind an offset."""

    def __call__(self, offsets: dict[Place, int]) -> set[Place] | None:
        """Return those; None when Kafka does not answer."""


class Judge:
    """Says of one look after the other whether the process must end; keeps no clock of its own."""

    def __init__(self, stuck_after_s: float, unread: AskUnread) -> None:
        self._stuck_after_s, self._unread = stuck_after_s, unread
        self._moved: dict[int, tuple[tuple[int, int], float]] = {}
        # Since when input waits for a lane that does not move.
        self._waiting: dict[int, float] = {}
        self._lost_since: float | None = None
        self._offered_s: dict[int, float] = {}

    def judge(self, sight: StageSight, now_s: float) -> str | None:
        """Return why the process must end, or None."""
        if (reason := self._judge_assignment(sight, now_s)) is not None:
            return self._if_kafka_answers(reason)
        still = self._still(sight, now_s)
        if not still:
            return None
        for lane in still:
            if (reason := self._judge_in_hand(lane, now_s)) is not None:
                return self._if_kafka_answers(reason)
        return self._judge_unfed(sight, still, now_s)

    def _if_kafka_answers(self, reason: str) -> str | None:
        return reason if self._unread({}) is not None else None

    def _judge_assignment(self, sight: StageSight, now_s: float) -> str | None:
        if not sight.lost:
            self._lost_since = None
        elif self._lost_since is None:
            self._lost_since = now_s
        elif now_s - self._lost_since >= self._stuck_after_s:
            return f"lanes were assigned {now_s - self._lost_since:.0f} s ago and not taken over"
        return None

    def _still(self, sight: StageSight, now_s: float) -> list[LaneSight]:
        """Return the lanes that did not move since the last look; note when each last did."""
        before, self._moved = self._moved, {}
        still: list[LaneSight] = []
        for lane in sight.lanes:
            known = before.get(lane.partition)
            if known is not None and known[0] == lane.moved and not lane.waits:
                self._moved[lane.partition] = known
                still.append(lane)
            else:
                self._moved[lane.partition] = (lane.moved, now_s)
                self._waiting.pop(lane.partition, None)
        return still

    def _judge_in_hand(self, lane: LaneSight, now_s: float) -> str | None:
        """A lane that has work and does not do it needs nobody's word that input waits."""
        unmoved_s = now_s - self._moved[lane.partition][1]
        if unmoved_s < self._stuck_after_s:
            return None
        if lane.calling_for_s is not None and lane.calling_for_s >= self._stuck_after_s:
            return f"lane {lane.partition} has stood in one call for {lane.calling_for_s:.0f} s"
        if lane.fed and lane.calling_for_s is None:
            return f"lane {lane.partition} has left its blocks untouched for {unmoved_s:.0f} s"
        return None

    def _judge_unfed(self, sight: StageSight, still: list[LaneSight], now_s: float) -> str | None:
        """A lane that has nothing in hand, though Kafka has records for it."""
        unfed = {
            lane.partition: lane for lane in still if not lane.fed and lane.calling_for_s is None
        }
        for partition in self._waiting.keys() - unfed.keys():
            del self._waiting[partition]
        if any(lane.waits for lane in sight.lanes):
            # The agent waits for room with that one, and feeds nobody.
            self._waiting.clear()
            return None
        offsets = {
            (topic, lane.partition): offset
            for lane in unfed.values()
            for topic, offset in lane.next_offsets.items()
        }
        unread = self._unread(offsets) if offsets else set()
        if unread is None:
            self._waiting.clear()
            return None
        with_input = {partition for _, partition in unread}
        for partition in unfed:
            if partition not in with_input:
                self._waiting.pop(partition, None)
                continue
            if partition not in self._waiting:
                self._waiting[partition] = now_s
                self._offered_s[partition] = sight.offered_s
            waited_s = now_s - self._waiting[partition]
            offered_s = sight.offered_s - self._offered_s[partition]
            if waited_s >= self._stuck_after_s and offered_s < BUSY_PART * waited_s:
                return f"input of lane {partition} has waited for {waited_s:.0f} s and is not read"
        return None


class KafkaUnread:
    """Asks a real Kafka; what was found to be only markers is not read again."""

    def __init__(self, client: dict[str, Any], group: str) -> None:
        self._client, self._group = client, group
        self._admin = AdminClient(client)
        self._empty: dict[Place, tuple[int, int]] = {}

    def __call__(self, offsets: dict[Place, int]) -> set[Place] | None:
        """See `AskUnread`."""
        try:
            if not offsets:
                self._admin.list_topics(timeout=ASK_TIMEOUT_S)
                return set()
            ends = stable_ends(self._admin, list(offsets), ASK_TIMEOUT_S)
            ahead = {
                place: offset
                for place, offset in offsets.items()
                if ends[place] > offset and self._empty.get(place) != (offset, ends[place])
            }
            found = self._first_unread(ahead)
        except KafkaException as error:
            log.info("the watchdog cannot ask Kafka: %s", error)
            return None
        unread = {place for place, record in found.items() if record is not None}
        for place in found.keys() - unread:
            self._empty[place] = (offsets[place], ends[place])
        return unread

    def _first_unread(self, offsets: dict[Place, int]) -> dict[Place, Unread | None]:
        if not offsets:
            return {}
        # Seldom asked, so that no connection is kept for it.
        peek = Peek(self._client, self._group)
        try:
            return peek.first_unread(offsets, ASK_TIMEOUT_S)
        finally:
            peek.close()


class Watchdog:
    """A thread that looks at a process a few times in `stuck_after_s`.

    `look` is called in `loop`, and `end` in the thread when nothing moves any more. When not even
    the thread can run, because something holds the interpreter, the process ends all the same.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        look: Callable[[], StageSight],
        unread: AskUnread,
        stuck_after_s: float,
        end: Callable[[BaseException], None],
    ) -> None:
        self._loop, self._look, self._end = loop, look, end
        self._judge = Judge(stuck_after_s, unread)
        self._stuck_after_s = stuck_after_s
        self._every_s = min(stuck_after_s / LOOKS_PER_TIME, LOOK_EVERY_MAX_S)

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._wind_up()
            time.sleep(self._every_s)
            if self._loop.is_closed():
                faulthandler.cancel_dump_traceback_later()
                return
            reason = self._reason()
            if reason is not None:
                log.error("threads stand at:\n%s", _stacks())
                self._end(OursError(f"{reason}; the worker begins again from its last checkpoint"))

    def _wind_up(self) -> None:
        """Set the alarm that rings without an interpreter; by then this thread was late."""
        longest_s = self._every_s + max(self._stuck_after_s, ASKS * ASK_TIMEOUT_S)
        faulthandler.dump_traceback_later(longest_s + MARGIN_S, exit=True, file=sys.stderr)

    def _reason(self) -> str | None:
        asked = asyncio.run_coroutine_threadsafe(self._looked(), self._loop)
        try:
            sight = asked.result(self._stuck_after_s)
        except FutureTimeoutError:
            return f"its event loop has stood still for {self._stuck_after_s:g} s"
        self._wind_up()
        return self._judge.judge(sight, time.monotonic())

    async def _looked(self) -> StageSight:
        return self._look()


def _stacks() -> str:
    """Return where every thread stands."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
    )
