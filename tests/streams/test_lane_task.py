"""The task of one lane: what it does with blocks while it is handed over."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from streams.blocks import Block
from streams.lane import Lane
from streams.settings import Settings
from streams.stage_app import BLOCKS_WAITING_MAX, LaneTask

DEADLINE_S = 10.0


class SlowLane:
    """A lane that is in the middle of a block until it is let go."""

    address = "slow"
    dirty = True

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.entered, self.may_go_on = threading.Event(), threading.Event()
        self.closed = False

    def take(self, block: Block) -> None:
        self.entered.set()
        assert self.may_go_on.wait(DEADLINE_S)
        self.taken.append(block.start)

    def checkpoint(self, quiet: bool) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def block(start: int) -> Block:
    return Block("t", 0, start, start + 1, 1, [])


def test_a_block_that_waits_for_room_does_not_outlive_the_hand_over() -> None:
    async def story() -> None:
        lane = SlowLane()
        with ThreadPoolExecutor() as pool:
            task = LaneTask(cast(Lane, lane), Settings(), pool)
            task.start(lambda error: None)
            for start in range(1 + BLOCKS_WAITING_MAX):
                await task.offer(block(start))
                if start == 0:
                    await asyncio.to_thread(lane.entered.wait, DEADLINE_S)
            waiting = asyncio.create_task(task.offer(block(99)))
            handing_over = asyncio.create_task(task.hand_over())
            # The stage's one agent waits here: if it stayed, no lane would get a block any more.
            await asyncio.wait_for(waiting, DEADLINE_S)
            lane.may_go_on.set()
            await asyncio.wait_for(handing_over, DEADLINE_S)
        assert lane.closed and lane.taken[0] == 0 and 99 not in lane.taken
        await asyncio.wait_for(task.offer(block(100)), DEADLINE_S)

    asyncio.run(story())
