"""The task of one lane: its blocks in order, and its checkpoints by the clock."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from schemas.errors import OursError, UnavailableError
from streams.blocks import Block, pieces
from streams.lane import Lane
from streams.settings import Settings

log = logging.getLogger(__name__)

# Of fetches: what comes in while a slow checkpoint runs must not hold up other lanes.
BLOCKS_WAITING_MAX = 4
PART_RECORDS_MAX = 500
LOOKS_AT_THE_CLOCK_EVERY_S = 3600.0
# Checkpoints that are slow come seldom: each costs the same for many events as for few.
PAUSE_PER_CHECKPOINT = 8.0
CHECKPOINT_PAUSE_MAX_S = 2.0
# Past the time-out of a transaction (15 s) a commit that has not answered never will.
COMMIT_STUCK_S = 20.0


class LaneTask:
    """Works one lane's blocks off and closes its checkpoints; the lane runs in a thread of `pool`.

    A checkpoint is made when the interval is over and something was taken (while blocks wait it is
    longer, so that checkpoints take a ninth of the time at most), when there was no block
    for `quiet_after_s`, when a tick is due, and between any two fetches while the lane has work
    of its own; with no block waiting that work is done without a pause.
    """

    def __init__(self, lane: Lane, settings: Settings, pool: ThreadPoolExecutor) -> None:
        self.lane = lane
        # What each fetch brought; nothing at all says that it is to stop.
        self.blocks: asyncio.Queue[tuple[Block, ...]] = asyncio.Queue(BLOCKS_WAITING_MAX)
        self._settings = settings.streams
        self._pool = pool
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._due_at = self._due_under_load_at = 0.0
        # For those who watch: since when a call into the lane runs, by the monotonic clock, and
        # what the lane waits for, as a sentence.
        self.calling_since_s: float | None = None
        self.waits_for: str | None = None

    def start(self, on_failure: Callable[[BaseException], None]) -> None:
        """Begin to work."""
        self._task = asyncio.create_task(self._run())

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                on_failure(error)

        self._task.add_done_callback(ended)

    async def offer(self, *blocks: Block) -> None:
        """Hand over what a fetch brought, waiting for room; what comes after the end is dropped.

        Its records are read again by the lane's next owner.
        """
        if self._stopping.is_set():
            return
        if not self.blocks.full():
            self.blocks.put_nowait(blocks)
            return
        stopping = asyncio.create_task(self._stopping.wait())
        putting = asyncio.create_task(self.blocks.put(blocks))
        await asyncio.wait({stopping, putting}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        putting.cancel()

    async def _call(self, call: Callable[..., Any], *args: Any) -> Any:
        self.calling_since_s = time.monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)
        finally:
            self.calling_since_s = None

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        quiet_after_s = self._settings.quiet_after_s
        self._due_at = self._due_under_load_at = clock() + self._settings.checkpoint_interval_s
        quiet_at = clock() + quiet_after_s
        while not self._stopping.is_set():
            idle_s = self._idle_s(self._due_at - clock(), quiet_at - clock())
            blocks = await self._next_blocks(idle_s)
            if blocks:
                await self._take(blocks)
                quiet_at = clock() + quiet_after_s
            quiet = not blocks and self.blocks.empty() and clock() >= quiet_at
            due_at = self._due_at if self.blocks.empty() else self._due_under_load_at
            if quiet or self.lane.due or clock() >= due_at:
                await self._checkpoint(quiet)

    async def _take(self, blocks: tuple[Block, ...]) -> None:
        """Take blocks part by part: slow events hold up neither checkpoints nor a hand-over."""
        clock = asyncio.get_running_loop().time
        for piece in pieces(blocks, PART_RECORDS_MAX):
            if self._stopping.is_set():  # the next owner reads the rest
                return
            if clock() >= self._due_under_load_at:
                await self._checkpoint(quiet=False)
            await self._call(self._take_piece, piece)

    def _take_piece(self, piece: list[Block]) -> None:
        for block in piece:
            self.lane.take(block)

    def _idle_s(self, until_due_s: float, until_quiet_s: float) -> float:
        """Return how long a block may be waited for before there is something else to do."""
        if self.lane.working:
            return 0.0
        idle_s = LOOKS_AT_THE_CLOCK_EVERY_S
        if self.lane.advanced:
            idle_s = until_due_s
        if not self.lane.flushed_quiet:
            idle_s = min(idle_s, until_quiet_s)
        if (until_tick_s := self.lane.tick_due_in_s) is not None:
            idle_s = min(idle_s, until_tick_s)
        return max(0.0, idle_s)

    async def _next_blocks(self, timeout_s: float) -> tuple[Block, ...]:
        """Wait for what a fetch brings; nothing when the time is up, or it is to stop."""
        if not self.blocks.empty():
            return self.blocks.get_nowait()
        if timeout_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    return await self.blocks.get()
        return ()

    async def _checkpoint(self, quiet: bool) -> None:
        """Close the checkpoint; while a service is away wait for it, and lag grows meanwhile."""
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            began_at = clock()
            try:
                await self._watched(self._call(self.lane.checkpoint, quiet))
                now, interval_s = clock(), self._settings.checkpoint_interval_s
                pause_s = min(PAUSE_PER_CHECKPOINT * (now - began_at), CHECKPOINT_PAUSE_MAX_S)
                # From its begin: one that was slow must not make the next one late, too.
                self._due_at = began_at + interval_s
                self._due_under_load_at = max(self._due_at, now + pause_s)
                self.waits_for = None
                return
            except UnavailableError as error:
                self.waits_for = str(error)
                log.warning("lane %s waits: %s", self.lane.address, error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), error.retry_after_s)

    async def _watched(self, call: Coroutine[Any, Any, Any]) -> None:
        """Await a checkpoint; raises OursError when its commit hangs.

        librdkafka does not keep its time-outs when the broker goes away in the middle of a
        transaction. By then the transaction has timed out: the next owner finds out how it ended.
        """
        task = asyncio.create_task(call)
        while not task.done():
            await asyncio.wait({task}, timeout=COMMIT_STUCK_S / 10)
            since_s = self.lane.committing_since_s
            if since_s is not None and time.monotonic() - since_s > COMMIT_STUCK_S:
                raise OursError(
                    f"lane {self.lane.address} has waited {COMMIT_STUCK_S:g} s for a commit; it "
                    "begins again from its last checkpoint"
                )
        task.result()

    async def hand_over(self) -> None:
        """Finish the block in hand, commit it, and release the lane."""
        self._stopping.set()
        with contextlib.suppress(asyncio.QueueFull):  # with blocks in it nobody waits for one
            self.blocks.put_nowait(())
        if self._task is not None:
            await asyncio.wait({self._task})
        with contextlib.suppress(UnavailableError):  # the next owner reads the input again
            await self._call(self.lane.checkpoint, False)
        await self._call(self.lane.close)
