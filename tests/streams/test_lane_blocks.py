"""Blocks of a partition that no lane has told its place of yet."""

import asyncio
from types import SimpleNamespace
from typing import Any

import faust
from aiokafka.structs import ConsumerRecord
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from streams.blocks import Block
from streams.transport import BlockConsumer, BlockTransport


def fetched(partition: int, *offsets: int) -> list[Any]:
    """Records as aiokafka gives them."""
    return [
        ConsumerRecord("t", partition, offset, 0, 0, None, b"", None, 0, 0, ())
        for offset in offsets
    ]


def test_only_a_partition_that_was_sought_is_handed_on() -> None:
    handed: list[list[tuple[str, int, int, int]]] = []

    async def callback(message: Any) -> None:
        blocks: list[Block] = message.value
        handed.append([(block.topic, block.partition, block.start, block.stop) for block in blocks])

    async def rebalanced(*_: Any) -> None: ...

    async def story() -> None:
        url = URL("kafka://127.0.0.1:9")
        app = faust.App("blocks", broker=str(url))
        consumer = BlockTransport([url], app).create_consumer(
            callback, on_partitions_revoked=rebalanced, on_partitions_assigned=rebalanced
        )
        assert isinstance(consumer, BlockConsumer)
        consumer._positions = {TP("t", 0): 3, TP("u", 0): 8}
        for brought in (
            # The lane of partition 1 is told of by the next assignment, which seeks it.
            {TP("t", 0): fetched(0, 4, 5), TP("t", 1): fetched(1, 7), TP("u", 0): fetched(0, 8)},
            {TP("t", 0): fetched(0, 6)},
        ):
            for blocks in consumer._by_lane(brought):
                await consumer._hand_over(blocks)
        consumer._thread.thread_loop.close()  # it was never started

    asyncio.run(story())
    assert handed == [[("t", 0, 3, 6), ("u", 0, 8, 9)], [("t", 0, 6, 7)]]


def test_what_a_seek_overtakes_is_left_to_the_fetch_behind_it() -> None:
    handed: list[int] = []

    async def story() -> dict[TP, int]:
        app = faust.App("overtaken", broker="kafka://127.0.0.1:9")

        async def callback(message: Any) -> None:
            handed.append(message.value[0].partition)
            # A rebalance comes and is over while the first lane's blocks are handed over.
            consumer._seek_to = sought
            await consumer.perform_seek()

        async def rebalanced(*_: Any) -> None: ...

        consumer = BlockTransport([URL("kafka://127.0.0.1:9")], app).create_consumer(
            callback, on_partitions_revoked=rebalanced, on_partitions_assigned=rebalanced
        )
        assert isinstance(consumer, BlockConsumer)

        async def sought(tp: TP, offset: int) -> None:
            consumer._positions[tp] = offset

        async def fetch(timeout: float) -> Any:
            consumer._stopped.set()
            return {TP("t", 0): fetched(0, 3), TP("t", 1): fetched(1, 7)}, None

        consumer._wait_next_records = fetch
        consumer.next_offsets = lambda: {("t", 0): 3, ("t", 1): 5}
        consumer._positions = {TP("t", 0): 3, TP("t", 1): 7}
        consumer.resume_flow()
        await consumer._drain_messages(SimpleNamespace(_stopped=asyncio.Event()))
        consumer._thread.thread_loop.close()  # it was never started
        return consumer._positions

    places = asyncio.run(story())
    assert handed == [0]
    assert places == {TP("t", 0): 3, TP("t", 1): 5}


@given(st.lists(st.integers(1, 4), max_size=20), st.integers(0, 3), st.integers(1, 6))
def test_parts_of_a_block_follow_one_another_without_a_gap(
    steps: list[int], ahead: int, records_max: int
) -> None:
    """Offsets have holes where transaction markers stand."""
    offsets = [10 + sum(steps[:number]) for number in range(1, len(steps) + 1)]
    stop = (offsets[-1] if offsets else 10) + 1 + ahead
    block = Block("t", 0, 10, stop, 3, fetched(0, *offsets))
    parts = list(block.parts(records_max))
    assert [part.start for part in parts] == [10, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == stop
    assert [record for part in parts for record in part.records] == block.records
    for part in parts:
        assert len(part.records) <= records_max
        assert all(part.start <= record.offset < part.stop for record in part.records)
