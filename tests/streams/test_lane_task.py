"""The task of one lane: blocks while it is handed over, ticks, and work without input."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from aiokafka.structs import ConsumerRecord

from schemas.errors import OursError, UnavailableError
from streams.blocks import Block, Record
from streams.lane import Lane
from streams.lane_task import BLOCKS_WAITING_MAX, PART_RECORDS_MAX, LaneTask
from streams.settings import Settings
from streams.settings.processes import StreamSettings

DEADLINE_S = 10.0
Story = Callable[[LaneTask], Coroutine[Any, Any, None]]


class ToldLane:
    """A lane that notes what it is told to do, `done`, and does nothing."""

    address = "told"

    def __init__(self) -> None:
        self.done: list[str] = []
        self.advanced, self.flushed_quiet = False, True
        self.tick_due_in_s: float | None = None
        self.committing_since_s: float | None = None
        self.pieces = 0
        self.away = 0
        self.closed = threading.Event()

    @property
    def working(self) -> bool:
        return self.pieces > 0

    @property
    def due(self) -> bool:
        return self.working or self.tick_due_in_s == 0

    def take(self, block: Block) -> None:
        self.done.append(f"take {block.start}")
        self.advanced, self.flushed_quiet = True, False

    def checkpoint(self, quiet: bool) -> bool:
        if self.away:
            self.away -= 1
            raise UnavailableError("away", retry_after_s=0.001)
        self.done.append("quiet" if quiet else "checkpoint")
        self.advanced, self.flushed_quiet = False, quiet
        self.pieces = max(0, self.pieces - 1)
        if self.tick_due_in_s == 0:
            self.tick_due_in_s = 3600.0
        return True

    def close(self) -> None:
        self.closed.set()


class SlowLane(ToldLane):
    """A lane that is in the middle of a block until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.may_go_on = threading.Event(), threading.Event()

    def take(self, block: Block) -> None:
        self.entered.set()
        assert self.may_go_on.wait(DEADLINE_S)
        super().take(block)


def block(start: int) -> Block:
    return Block("t", 0, start, start + 1, 1, [])


def tell(lane: ToldLane, story: Story, quiet_after_s: float = 60.0) -> None:
    """Run a story with a lane's task."""
    # A checkpoint that is made here has another reason than the clock.
    streams = StreamSettings(checkpoint_interval_s=10.0, quiet_after_s=quiet_after_s)

    async def told() -> None:
        with ThreadPoolExecutor() as pool:
            task = LaneTask(cast(Lane, lane), Settings(streams=streams), pool)
            await asyncio.wait_for(story(task), DEADLINE_S)

    asyncio.run(told())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.001)


def test_a_block_that_waits_for_room_does_not_outlive_the_hand_over() -> None:
    lane = SlowLane()

    async def story(task: LaneTask) -> None:
        task.start(lambda error: None)
        for start in range(1 + BLOCKS_WAITING_MAX):
            await task.offer(block(start))
            if start == 0:
                await asyncio.to_thread(lane.entered.wait, DEADLINE_S)
        waiting = asyncio.create_task(task.offer(block(99)))
        handing_over = asyncio.create_task(task.hand_over())
        # The stage's one agent waits here: if it stayed, no lane would get a block any more.
        await waiting
        lane.may_go_on.set()
        await handing_over
        assert lane.closed.is_set()
        assert lane.done[0] == "take 0" and "take 99" not in lane.done
        await task.offer(block(100))

    tell(lane, story)


def test_an_idle_lane_wakes_up_for_its_tick() -> None:
    lane = ToldLane()
    lane.tick_due_in_s = 0.05

    async def story(task: LaneTask) -> None:
        task.start(lambda error: None)
        await asyncio.sleep(0)
        # The clock goes on while the task sleeps.
        lane.tick_due_in_s = 0.0
        await until(lambda: bool(lane.done))
        assert lane.done == ["checkpoint"]
        await task.hand_over()

    tell(lane, story)


def test_work_without_input_is_done_without_a_pause() -> None:
    lane = ToldLane()
    lane.pieces = 50

    async def story(task: LaneTask) -> None:
        task.start(lambda error: None)
        await until(lambda: not lane.working)
        assert lane.done == ["checkpoint"] * 50
        await task.hand_over()

    # A pause of quiet_after_s after each piece would take fifty minutes.
    tell(lane, story)


def test_work_goes_on_between_blocks() -> None:
    lane = ToldLane()

    async def story(task: LaneTask) -> None:
        lane.pieces = 100
        for start in range(2):
            await task.offer(block(start))
        task.start(lambda error: None)
        await until(lambda: len(lane.done) >= 5)
        assert lane.done[:5] == ["take 0", "checkpoint", "take 1", "checkpoint", "checkpoint"]
        await task.hand_over()

    tell(lane, story)


def test_what_is_due_when_quiet_is_told_though_the_lane_works_on() -> None:
    lane = ToldLane()
    lane.pieces = 10**9

    async def story(task: LaneTask) -> None:
        task.start(lambda error: None)
        await until(lambda: "quiet" in lane.done)
        await task.hand_over()

    tell(lane, story, quiet_after_s=0.05)


def test_a_lane_whose_disk_or_sink_is_away_waits_and_goes_on() -> None:
    lane = ToldLane()
    lane.away = 3

    async def story(task: LaneTask) -> None:
        task.start(lambda error: None)
        await task.offer(block(0))
        await until(lambda: "quiet" in lane.done)
        assert lane.done == ["take 0", "quiet"] and lane.away == 0
        await task.hand_over()

    tell(lane, story, quiet_after_s=0.05)


def test_a_commit_that_hangs_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.lane_task.COMMIT_STUCK_S", 0.1)
    let_go = threading.Event()

    class HangingLane(ToldLane):
        def checkpoint(self, quiet: bool) -> bool:
            self.committing_since_s = time.monotonic()
            let_go.wait(DEADLINE_S)
            return True

    async def story() -> BaseException:
        failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        with ThreadPoolExecutor(2) as pool:
            task = LaneTask(cast(Lane, HangingLane()), Settings(), pool)
            task.start(lambda error: failed.set_result(error))
            await task.offer(Block("t", 0, 0, 1, 0, []))
            try:
                return await asyncio.wait_for(failed, DEADLINE_S)
            finally:
                let_go.set()

    error = asyncio.run(story())
    assert isinstance(error, OursError)
    assert "commit" in str(error)


def test_a_long_block_lets_checkpoints_and_a_hand_over_through() -> None:
    class SteppedLane(ToldLane):
        """Each part of a block takes longer than a checkpoint is due after."""

        def take(self, block: Block) -> None:
            time.sleep(0.02)
            super().take(block)

    records = [
        cast(Record, ConsumerRecord("t", 0, n, 0, 0, None, b"", None, 0, 0, ()))
        for n in range(4 * PART_RECORDS_MAX)
    ]
    lane = SteppedLane()
    settings = Settings(streams=StreamSettings(checkpoint_interval_s=0.01))

    async def story() -> None:
        with ThreadPoolExecutor(2) as pool:
            task = LaneTask(cast(Lane, lane), settings, pool)
            task.start(lambda error: None)
            await task.offer(Block("t", 0, 0, len(records), 0, records))
            async with asyncio.timeout(DEADLINE_S):
                while "checkpoint" not in lane.done:
                    await asyncio.sleep(0.001)
                await task.hand_over()

    asyncio.run(story())
    taken = [what for what in lane.done if what.startswith("take")]
    assert taken[:2] == ["take 0", f"take {PART_RECORDS_MAX}"][: len(taken)]
    assert len(taken) < 4, "the rest was left to the next owner"
    assert lane.done[-1] == "checkpoint"
