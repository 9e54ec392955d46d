"""One stage as a Faust app: its own consumer group, one lane per partition.

Faust brings the group, the assignment and the blocks; lanes do the work in threads, one task each.
Any failure ends the process: its supervisor starts it again, and nothing was skipped.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import faust
from yarl import URL

from processors.processor import Processor
from schemas.codec import Codec
from schemas.errors import OursError, RecalibraError, UserError
from schemas.topics import topic_name
from streams.blocks import Block
from streams.kafka_tls import faust_credentials
from streams.lane import Lane
from streams.lane_log import LaneAddress
from streams.lane_store import LaneStore
from streams.lane_task import LaneTask
from streams.logs import tell_user
from streams.process_end import EXIT_FAILED, EXIT_USER, end
from streams.settings import Settings
from streams.stage_watch import StageWatch
from streams.store_memory import StoreMemory
from streams.transport import BlockConsumer, BlockTransport
from streams.wall_clock import now_us
from streams.whole_assignor import WholeAssignor
from streams.worker_name import WorkerName

log = logging.getLogger(__name__)

# A worker that cannot hand over within this time is overtaken by the broker anyway.
HAND_OVER_TIMEOUT_S = 8.0


class StageFaustApp(faust.App):
    """A Faust app that hands its lanes over before it leaves its group.

    `refuse` ends the process when the group cannot be assigned as it is.
    """

    hand_over: Callable[[], Awaitable[None]]
    refuse: Callable[[str], NoReturn]

    async def _stop_consumer(self) -> None:
        await self.hand_over()
        await super()._stop_consumer()


class StageApp:
    """A stage's Faust app; `make_processor` makes that of a lane, given its partition.

    `owned` are the inputs whose bad records this stage sends to the dead letters. The lanes of a
    stage that is `ticking` tell the time to their own logs. `number` is told of this process.
    """

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        owned: tuple[str, ...],
        make_processor: Callable[[int], Processor],
        codec: Codec,
        settings: Settings,
        ticking: bool = False,
        number: int = 1,
    ) -> None:
        self.name, self._inputs, self._owned = name, inputs, owned
        worker = WorkerName.of_this_process(name, number)
        self._settings, self._make_processor, self._codec = settings, make_processor, codec
        self._tick_interval_s = settings.streams.tick_interval_s if ticking else None
        self._memory = StoreMemory(settings.streams.store_memory_mb)
        self._tasks: dict[int, LaneTask] = {}
        self._opening: list[Lane] = []
        # How long the agent has waited for room in the queue of a lane.
        self.offered_s = 0.0
        self.watch = StageWatch(worker, inputs, settings, self)
        # Lanes are taken over or handed over, never both at a time.
        self._moving = asyncio.Lock()
        self._moves: set[asyncio.Task[None]] = set()
        # How many hand-overs are under way, and one more for good once the process is to stop.
        self._leaving = 0
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="lane")
        self._topics = [topic_name(settings.kafka.topic_prefix, short) for short in inputs]
        self.app = self._make_app(str(worker))

    @property
    def working_lanes(self) -> dict[int, LaneTask]:
        """The lanes that this process works on, by partition."""
        return dict(self._tasks)

    @property
    def opening_lanes(self) -> list[Lane]:
        """The lanes that it takes over at the moment."""
        return list(self._opening)

    @property
    def reader(self) -> BlockConsumer:
        """The reader of this stage's inputs."""
        found: BlockConsumer = self.app.consumer
        return found

    def _make_app(self, client_id: str) -> "StageFaustApp":
        kafka = self._settings.kafka
        # Faust insists on a folder, though without tables it keeps nothing there.
        folder = Path(self._settings.state_dir) / "faust" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        brokers = [f"kafka://{server}" for server in str(kafka.bootstrap_servers).split(",")]
        app = StageFaustApp(
            f"{kafka.topic_prefix}-{self.name}",
            broker=brokers,
            broker_client_id=client_id,
            broker_credentials=faust_credentials(kafka),
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
            PartitionAssignor=WholeAssignor,
        )
        app.hand_over = self._stopped
        app.refuse = lambda reason: self._fail(OursError(reason))
        app.conf.web_enabled = False
        app.transport = BlockTransport([URL(broker) for broker in brokers], app)
        app.on_partitions_revoked.connect(self._revoked)
        app.on_rebalance_complete.connect(self._assigned)
        source = app.topic(*self._topics, key_serializer="raw", value_serializer="raw")
        app.agent(source, name=f"{self.name}-blocks")(self._agent)
        return app

    async def _agent(self, stream: Any) -> None:
        async for event in stream.noack().events():
            blocks: list[Block] = event.value
            task = self._tasks.get(blocks[0].partition)
            # Blocks of an earlier assignment are fetched again by the seek that came with this one.
            if task is not None and blocks[0].epoch == self.app.consumer.epoch:
                began_s = time.monotonic()
                await task.offer(*blocks)
                self.offered_s += time.monotonic() - began_s

    async def _undisturbed(self, move: Coroutine[Any, Any, None]) -> None:
        """Await a move that goes on though who waits for it is cancelled, as Faust does in a stop.

        Half a move would leave lanes that nobody knows of.
        """
        task = asyncio.create_task(move)
        self._moves.add(task)
        task.add_done_callback(self._moves.discard)
        await asyncio.shield(task)

    async def _revoked(self, _app: Any, revoked: Any, **_: Any) -> None:
        await self._undisturbed(self._hand_over_all())

    async def _stopped(self) -> None:
        self._leaving += 1
        await self._undisturbed(self._hand_over_all())

    async def _hand_over_all(self) -> None:
        """Hand every lane over, also those that are still being opened; end the process if late."""
        self._leaving += 1
        for lane in self._opening:
            lane.give_up()
        try:
            async with asyncio.timeout(HAND_OVER_TIMEOUT_S), self._moving:
                await self._hand_over(set(self._tasks))
        except TimeoutError:
            self._fail(RecalibraError("its lanes could not be handed over in time"))
        finally:
            self._leaving -= 1

    async def _hand_over(self, partitions: set[int]) -> None:
        tasks = [self._tasks.pop(partition) for partition in partitions]
        done = await asyncio.gather(*(t.hand_over() for t in tasks), return_exceptions=True)
        for error in done:
            if isinstance(error, BaseException):
                self._fail(error)

    async def _assigned(self, _app: Any, **_: Any) -> None:
        self.app.consumer.next_offsets = self._next_offsets
        self.watch.watch(self._fail)
        await self._undisturbed(self._take_over())

    @property
    def lost(self) -> bool:
        """Whether it has other lanes than it was assigned, and is not about to change that."""
        if self._leaving or self._moving.locked() or self.app.consumer.revoked:
            return False
        assigned = {
            tp.partition for tp in self.app.consumer.assignment() if tp.topic in self._topics
        }
        return assigned != self._tasks.keys()

    def _partitions(self) -> set[int]:
        """Return what is assigned to this worker and not about to be taken away."""
        consumer = self.app.consumer
        if self._leaving or consumer.revoked:
            return set()
        assigned = {tp for tp in consumer.assignment() if tp.topic in self._topics}
        mine = {tp.partition for tp in assigned}
        if len(assigned) != len(mine) * len(self._topics):
            # A lane would wait for ever for what another worker reads.
            self._fail(RecalibraError(f"inputs of its lanes are with other workers: {assigned}"))
        return mine

    async def _take_over(self) -> None:
        """Open the lanes of partitions that are new; hand those over that are ours no more."""
        async with self._moving:
            mine = self._partitions()
            await self._hand_over(self._tasks.keys() - mine)
            if self._leaving:  # for a moment
                return
            lanes = [self._lane(partition) for partition in sorted(mine - self._tasks.keys())]
            self._opening = lanes
            loop = asyncio.get_running_loop()
            opened = await asyncio.gather(
                *(loop.run_in_executor(self._pool, lane.open) for lane in lanes),
                return_exceptions=True,
            )
            self._opening = []
            for lane, error in zip(lanes, opened, strict=True):
                if error is None:
                    task = LaneTask(lane, self._settings, self._pool)
                    self._tasks[lane.address.partition] = task
                    task.start(self._fail)
                elif not (lane.given_up and isinstance(error, OursError)):
                    self._fail(error)
            restored = sum(lane.restored for lane in lanes)
            log.info("%s works on partitions %s; %d restored", self.name, sorted(mine), restored)

    def _lane(self, partition: int) -> Lane:
        kafka = self._settings.kafka
        address = LaneAddress(kafka.topic_prefix, self.name, partition, kafka.partitions)
        folder = self._settings.state_dir / "stores" / address.group / str(partition)
        free_min_bytes = int(self._settings.streams.free_disk_min_mb * 1e6)
        processor = self._make_processor(partition)
        lane_log = self.watch.lane_log(address, processor)
        lane = Lane(
            address,
            self._inputs,
            self._owned,
            processor,
            self._codec,
            lane_log,
            lambda at_us: LaneStore(folder, at_us, free_min_bytes, self._memory),
            now_us,
            self._tick_interval_s,
        )
        lane_log.records_taken = lambda: lane.records_taken
        return lane

    def _next_offsets(self) -> dict[tuple[str, int], int]:
        return {
            (topic, partition): offset
            for partition, task in self._tasks.items()
            for topic, offset in task.lane.next_offsets.items()
        }

    def _fail(self, error: BaseException) -> NoReturn:
        """End the process at once: what no checkpoint holds is read again by the next one.

        A UserError is said to the user, who must mend it before the stage can run.
        """
        if isinstance(error, UserError):
            tell_user(error)
        else:
            log.error("stage %s ends: %s", self.name, error, exc_info=error)
        end(EXIT_USER if isinstance(error, UserError) else EXIT_FAILED)
