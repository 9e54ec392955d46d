"""Faust's Kafka transport, by blocks: one Faust event per fetch and lane.

Stock Faust makes two asyncio tasks per record; with one event for all blocks that a fetch brought
for a lane that cost is gone. The consumer reads committed records only, seeks to the lanes' own
offsets and never commits: lanes do, inside their transactions.
"""

from collections.abc import Callable, Mapping
from typing import Any

import aiokafka
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.blocks import Block, Record
from streams.fetched_records import take_whole_batches

# The broker collects what comes in a moment: a fetch costs the same for one record as for many.
# Under that many bytes a second it is the fetch that paces a lane, whose checkpoint follows at
# once, so that records are not kept waiting twice.
FETCH_MIN_BYTES = 32_768
FETCH_MAX_WAIT_MS = 140
# (topic, partition) → next offset of the lane that reads it.
NextOffsets = Callable[[], dict[tuple[str, int], int]]

take_whole_batches()


class BlockConsumerThread(driver.AIOKafkaConsumerThread):
    """Makes the one consumer of a worker read committed records only, and not one by one."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust sets this under its own exactly_once only; it is read when the consumer starts, and
        # so are the other two, which Faust does not let through.
        consumer._isolation_level = "read_committed"
        consumer._fetch_min_bytes = FETCH_MIN_BYTES
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        return consumer


class BlockConsumer(driver.Consumer):
    """Hands the conductor one message per fetch and lane, with a block of each topic in it."""

    next_offsets: NextOffsets
    epoch = 0
    # Faust may still say that an assignment is complete after it was taken away.
    revoked = True
    _positions: dict[TP, int]

    def _new_consumer_thread(self) -> BlockConsumerThread:
        return BlockConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def commit(self, *args: Any, **kwargs: Any) -> bool:
        """Commit nothing: lanes send offsets inside their transactions."""
        return True

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Note that what is assigned counts no more."""
        self.revoked = True
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note that what is assigned counts."""
        self.revoked = False
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Seek every assigned partition to its lane's next offset."""
        self.epoch += 1
        self._positions = {}
        for (topic, partition), offset in self.next_offsets().items():
            await self._seek_to(TP(topic, partition), offset)

    async def _seek_to(self, tp: TP, offset: int) -> None:
        await self.seek(tp, offset)
        self._read_offset[tp] = self._committed_offset[tp] = offset
        self._positions[tp] = offset

    async def _drain_messages(self, fetcher: Any) -> None:
        while not (self._stopped.is_set() or fetcher._stopped.is_set()):
            epoch = self.epoch
            fetched, _ = await self._wait_next_records(1.0)
            if epoch != self.epoch:
                # These were fetched across a rebalance: whatever their positions were, the lanes'
                # offsets hold now, so all are fetched again.
                for tp, offset in list(self._positions.items()):
                    if tp in self.assignment():
                        await self._seek_to(tp, offset)
                continue
            for blocks in self._by_lane(fetched or {}):
                # A seek in between fetches what is left again, from the lanes' own offsets.
                if not self.flow_active or epoch != self.epoch:
                    break
                await self._hand_over(blocks)

    def _by_lane(self, fetched: Mapping[Any, list[Record]]) -> list[list[Block]]:
        """Return what was fetched as blocks, by lane and in the order of their fetching."""
        lanes: dict[int, list[Block]] = {}
        for (topic, partition), records in fetched.items():
            start, stop = self._positions.get(TP(topic, partition)), records[-1].offset + 1
            # When no lane told where it stands, nobody knows what is missing in front of these;
            # the seek that comes with the lane fetches them again.
            if start is not None:
                block = Block(topic, partition, start, stop, self.epoch, records)
                lanes.setdefault(partition, []).append(block)
        return list(lanes.values())

    async def _hand_over(self, blocks: list[Block]) -> None:
        for block in blocks:
            self._positions[TP(block.topic, block.partition)] = block.stop
        await self.wait_first(self.callback(self._message(blocks)), self.suspend_flow.wait())

    def _message(self, blocks: list[Block]) -> ConsumerMessage:
        """Return what the conductor passes on; it looks at the place alone."""
        topic, partition, offset = blocks[0].topic, blocks[0].partition, blocks[0].stop - 1
        rest = (None, None, None, None, blocks, None, 0, 0)
        generation = self.app.consumer_generation_id
        place = TP(topic, partition)
        return ConsumerMessage(topic, partition, offset, *rest, place, generation_id=generation)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: the watchdog looks, and Faust would miss the topics that come with others."""


class BlockTransport(driver.Transport):
    """Faust's aiokafka transport with the block consumer."""

    Consumer = BlockConsumer
