"""What is taken out of a fetch, against what aiokafka's own consumer gives of the same bytes."""

import gc
import weakref
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.fetched_records import READ_COMMITTED, BatchedRecords

PLACE = TopicPartition("t", 0)
CONTROL_BIT = 1 << 5
UNCOMPRESSED = 0
# Where aiokafka's classes were before `streams.transport` put ours in their place.
StockRecords: Any = BatchedRecords.__mro__[1]


def batch(base: int, offsets: list[int], producer: int, last: int, control: bool = False) -> bytes:
    """A batch as a broker gives it: offsets from `base` to `last`, some compacted away."""
    transactional = producer >= 0
    builder = DefaultRecordBatchBuilder(
        2, UNCOMPRESSED, transactional, producer, 0, 0, batch_size=1 << 20
    )
    # Version 0, type 0: an abort.
    for offset in offsets:
        builder.append(
            offset - base, 1_000, bytes(4) if control else b"k%d" % offset, b"v%d" % offset, []
        )
    raw = bytearray(builder.build())
    raw[0:8] = base.to_bytes(8, "big")
    raw[23:27] = (last - base).to_bytes(4, "big")
    if control:
        raw[22] |= CONTROL_BIT
    return bytes(raw)


@st.composite
def logs(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, int]], int]:
    """The bytes of a fetch, the transactions aborted in it, and the offset it was asked for."""
    raw, aborted, at = b"", [], draw(st.integers(0, 5))
    asked = at + draw(st.integers(0, 6))
    for _ in range(draw(st.integers(1, 6))):
        producer = draw(st.sampled_from([-1, 7, 8]))
        size = draw(st.integers(1, 5))
        kept = draw(st.lists(st.booleans(), min_size=size, max_size=size))
        offsets = [at + i for i, keep in enumerate(kept) if keep]
        raw += batch(at, offsets, producer, at + size - 1)
        first, at = at, at + size
        if producer >= 0 and draw(st.booleans()):
            aborted.append((producer, first))
            raw += batch(at, [at], producer, at, control=True)
            at += 1
    return raw, aborted, asked


def unpacked(kind: Any, raw: bytes, aborted: list[tuple[int, int]], asked: int) -> Any:
    # CRCs of what was put together by hand are wrong.
    rest = (asked, None, None, False, READ_COMMITTED)
    return kind(PLACE, MemoryRecords(raw), list(aborted), *rest)


def test_the_bytes_of_a_fetch_go_with_it_and_wait_for_no_garbage_collection() -> None:
    gc.disable()
    try:
        fetched = unpacked(BatchedRecords, batch(0, [0, 1], -1, 1), [], 0)
        assert len(fetched.take(None)) == 2
        left = weakref.ref(fetched)
        del fetched
        assert left() is None
    finally:
        gc.enable()


@given(logs(), st.integers(1, 7))
def test_it_takes_what_aiokafka_would_and_stops_where_it_would(
    log: tuple[bytes, list[tuple[int, int]], int], records_max: int
) -> None:
    stock, ours = (unpacked(kind, *log) for kind in (StockRecords, BatchedRecords))
    expected = [(r.offset, r.key, r.value) for r in stock]
    taken = []
    while len(piece := ours.take(records_max)) == records_max:
        taken += piece
        # A fetch that is taken in parts goes on behind the last record.
        assert ours.next_fetch_offset == piece[-1].offset + 1
    taken += piece
    assert [(r.offset, r.key, r.value) for r in taken] == expected
    assert ours.next_fetch_offset == stock.next_fetch_offset


def test_all_is_taken_at_once_without_a_limit() -> None:
    raw = batch(0, [0, 1], -1, 1) + batch(2, [2], -1, 2)
    ours = BatchedRecords(PLACE, MemoryRecords(raw), [], 1, None, None, False, READ_COMMITTED)
    assert [record.offset for record in ours.take(None)] == [1, 2]
    assert ours.next_fetch_offset == 3


def test_a_damaged_batch_is_refused() -> None:
    whole = batch(0, [0], -1, 0)
    damaged = whole[:-1] + bytes([whole[-1] ^ 1])
    ours = BatchedRecords(PLACE, MemoryRecords(damaged), [], 0, None, None, True, READ_COMMITTED)
    with pytest.raises(CorruptRecordException):
        ours.take(None)


def test_the_consumers_of_a_stage_use_it() -> None:
    import streams.transport  # noqa: F401

    assert fetcher.PartitionRecords is BatchedRecords
