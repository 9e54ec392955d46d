"""One stage as a Faust app: its own consumer group, one lane per partition.

Faust brings the group, the assignment and the blocks; lanes do the work in threads, one task each.
Any failure ends the process: its supervisor starts it again, and nothing was skipped.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import faust
from yarl import URL

from processors.processor import Processor
from schemas.codec import Codec
from schemas.errors import RecalibraError, UnavailableError
from schemas.topics import topic_name
from streams.blocks import Block
from streams.kafka_access import client_settings
from streams.lane import Lane
from streams.lane_log import KafkaLaneLog, LaneAddress
from streams.lane_store import LaneStore
from streams.settings import Settings
from streams.transport import BlockTransport

log = logging.getLogger(__name__)

BLOCKS_WAITING_MAX = 2
# A worker that cannot hand over within this time is overtaken by the broker anyway.
HAND_OVER_TIMEOUT_S = 8.0
EXIT_FAILED = 1


class LaneTask:
    """Works one lane's blocks off in order and closes its checkpoints by the clock."""

    def __init__(self, lane: Lane, settings: Settings, pool: ThreadPoolExecutor) -> None:
        self.lane = lane
        self.blocks: asyncio.Queue[Block] = asyncio.Queue(BLOCKS_WAITING_MAX)
        self._settings = settings.streams
        self._pool = pool
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, on_failure: Callable[[BaseException], None]) -> None:
        """Begin to work."""
        self._task = asyncio.create_task(self._run())

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                on_failure(error)

        self._task.add_done_callback(ended)

    async def offer(self, block: Block) -> None:
        """Hand a block over, waiting for room; one that comes after the end is dropped.

        Its records are read again by the lane's next owner.
        """
        if self._stopping.is_set():
            return
        stopping = asyncio.create_task(self._stopping.wait())
        putting = asyncio.create_task(self.blocks.put(block))
        await asyncio.wait({stopping, putting}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        putting.cancel()

    async def _call(self, call: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock() + self._settings.checkpoint_interval_s
        while not self._stopping.is_set():
            block = await self._next_block(max(0.0, due - clock()))
            if block is not None:
                await self._call(self.lane.take, block)
            if clock() >= due:
                await self._checkpoint(quiet=False)
                due = clock() + self._settings.checkpoint_interval_s
            if block is None and self.blocks.empty() and self.lane.dirty:
                block = await self._next_block(self._settings.quiet_after_s)
                if block is not None:
                    await self._call(self.lane.take, block)
                    continue
                await self._checkpoint(quiet=True)

    async def _next_block(self, timeout_s: float) -> Block | None:
        """Wait for a block; None when the time is up, the lane idle and due, or it is to stop."""
        if not self.lane.dirty:
            timeout_s = 3600.0
        stopping = asyncio.create_task(self._stopping.wait())
        getting = asyncio.create_task(self.blocks.get())
        await asyncio.wait(
            {stopping, getting}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        stopping.cancel()
        if getting.done():
            return getting.result()
        getting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await getting
        return None

    async def _checkpoint(self, quiet: bool) -> None:
        """Close the checkpoint; while a service is away wait for it, and lag grows meanwhile."""
        while not self._stopping.is_set():
            try:
                await self._call(self.lane.checkpoint, quiet)
                return
            except UnavailableError as error:
                log.warning("lane %s waits: %s", self.lane.address, error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), error.retry_after_s)

    async def hand_over(self) -> None:
        """Finish the block in hand, commit it, and release the lane."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=HAND_OVER_TIMEOUT_S)
            if not self._task.done():
                raise RecalibraError(f"lane {self.lane.address} could not be handed over in time")
        with contextlib.suppress(UnavailableError):  # the next owner reads the input again
            await self._call(self.lane.checkpoint, False)
        await self._call(self.lane.close)


class StageFaustApp(faust.App):
    """A Faust app that hands its lanes over before it leaves its group."""

    hand_over: Callable[[], Awaitable[None]]

    async def _stop_consumer(self) -> None:
        await self.hand_over()
        await super()._stop_consumer()


class StageApp:
    """A stage's Faust app; `make_processor` makes that of a lane, given its partition.

    `owned` are the inputs whose bad records this stage sends to the dead letters.
    """

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        owned: tuple[str, ...],
        make_processor: Callable[[int], Processor],
        codec: Codec,
        settings: Settings,
    ) -> None:
        self.name, self._inputs, self._owned, self._settings = name, inputs, owned, settings
        self._make_processor, self._codec = make_processor, codec
        self._client = client_settings(settings.kafka)
        self._tasks: dict[int, LaneTask] = {}
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="lane")
        self._topics = [topic_name(settings.kafka.topic_prefix, short) for short in inputs]
        self.app = self._make_app()

    def _make_app(self) -> "StageFaustApp":
        kafka = self._settings.kafka
        # Faust insists on a folder, though without tables it keeps nothing there.
        folder = Path(self._settings.state_dir) / "faust" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        brokers = [f"kafka://{server}" for server in str(kafka.bootstrap_servers).split(",")]
        app = StageFaustApp(
            f"{kafka.topic_prefix}-{self.name}",
            broker=brokers,
            datadir=str(folder),
            topic_partitions=kafka.partitions,
            topic_disable_leader=True,
            # At 0 Faust falls back to an assignor that splits the inputs of a lane over workers.
            table_standby_replicas=1,
            # Without Faust's acks nothing ever empties; the lanes are waited for instead.
            stream_wait_empty=False,
            stream_recovery_delay=0.0,
            stream_buffer_maxsize=8,
            broker_session_timeout=self._settings.streams.session_timeout_s,
            broker_heartbeat_interval=1.0,
            broker_max_poll_records=self._settings.streams.block_records_max,
            consumer_auto_offset_reset="earliest",
        )
        app.hand_over = self._hand_over_all
        app.conf.web_enabled = False
        app.transport = BlockTransport([URL(broker) for broker in brokers], app)
        app.on_partitions_revoked.connect(self._revoked)
        app.on_rebalance_complete.connect(self._assigned)
        source = app.topic(*self._topics, key_serializer="raw", value_serializer="raw")
        app.agent(source, name=f"{self.name}-blocks")(self._agent)
        return app

    async def _agent(self, stream: Any) -> None:
        async for event in stream.noack().events():
            block: Block = event.value
            task = self._tasks.get(block.partition)
            # A block of an earlier assignment is fetched again by the seek that came with this one.
            if task is not None and block.epoch == self.app.consumer.epoch:
                await task.offer(block)

    async def _revoked(self, _app: Any, revoked: Any, **_: Any) -> None:
        await self._hand_over_all()

    async def _hand_over_all(self) -> None:
        tasks, self._tasks = list(self._tasks.values()), {}
        done = await asyncio.gather(*(t.hand_over() for t in tasks), return_exceptions=True)
        for error in done:
            if isinstance(error, BaseException):
                self._fail(error)

    async def _assigned(self, _app: Any, **_: Any) -> None:
        consumer = self.app.consumer
        consumer.next_offsets = self._next_offsets
        mine = {tp.partition for tp in consumer.assignment() if tp.topic in self._topics}
        loop = asyncio.get_running_loop()
        lanes = [self._lane(partition) for partition in sorted(mine - self._tasks.keys())]
        opened = await asyncio.gather(
            *(loop.run_in_executor(self._pool, lane.open) for lane in lanes), return_exceptions=True
        )
        for error in opened:
            if isinstance(error, BaseException):
                self._fail(error)
        for lane in lanes:
            task = self._tasks[lane.address.partition] = LaneTask(lane, self._settings, self._pool)
            task.start(self._fail)
        restored = sum(lane.restored for lane in lanes)
        log.info("%s works on partitions %s; %d restored", self.name, sorted(mine), restored)

    def _lane(self, partition: int) -> Lane:
        kafka = self._settings.kafka
        address = LaneAddress(kafka.topic_prefix, self.name, partition, kafka.partitions)
        folder = self._settings.state_dir / "stores" / address.group / str(partition)
        return Lane(
            address,
            self._inputs,
            self._owned,
            self._make_processor(partition),
            self._codec,
            KafkaLaneLog(address, self._client),
            lambda: LaneStore(folder),
        )

    def _next_offsets(self) -> dict[tuple[str, int], int]:
        return {
            (topic, partition): offset
            for partition, task in self._tasks.items()
            for topic, offset in task.lane.next_offsets.items()
        }

    def _fail(self, error: BaseException) -> NoReturn:
        """End the process at once: what no checkpoint holds is read again by the next one."""
        log.error("stage %s ends: %s", self.name, error, exc_info=error)
        logging.shutdown()
        os._exit(EXIT_FAILED)
