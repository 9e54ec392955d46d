"""Faust's Kafka transport, by blocks: one Faust event per fetch and partition.

Stock Faust makes two asyncio tasks per record; with one event per block that cost is gone. The
consumer reads committed records only, seeks to the lanes' own offsets and never commits: lanes do,
inside their transactions.
"""

from collections.abc import Callable
from typing import Any

import aiokafka
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.blocks import Block

# The broker collects what comes in a moment: a fetch costs the same for one record as for many.
FETCH_MIN_BYTES = 32_768
FETCH_MAX_WAIT_MS = 60
# (topic, partition) → next offset of the lane that reads it.
NextOffsets = Callable[[], dict[tuple[str, int], int]]


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
    """Hands the conductor one message per fetched block."""

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
            for key, records in (fetched or {}).items():
                if not self.flow_active:
                    break
                await self._hand_over(TP(*key), records)

    async def _hand_over(self, tp: TP, records: list[Any]) -> None:
        start, stop = self._positions.get(tp), records[-1].offset + 1
        if start is None:
            # No lane told where it stands, so nobody knows what is missing in front of these; the
            # seek that comes with the lane fetches them again.
            return
        message = self._to_message(tp, records[-1])
        message.value = Block(tp.topic, tp.partition, start, stop, self.epoch, records)
        self._positions[tp] = stop
        await self.wait_first(self.callback(message), self.suspend_flow.wait())


class BlockTransport(driver.Transport):
    """Faust's aiokafka transport with the block consumer."""

    Consumer = BlockConsumer
