"""Rows in runs hold what a dict of rows holds, whatever came when, and are few and small."""

import random

import numpy as np
import pytest

from processors.keys import ROW_BYTES, row_of, time_of
from processors.row_columns import RowColumns, newest_columns
from processors.row_runs import (
    RUN_ROWS_MAX,
    SPAN_US,
    newest_rows,
    put_rows,
    remove_row,
    rows_between,
    rows_of,
)
from processors.series import Compared
from processors.store import MemoryStore
from streams.lane_store import RECORD_BYTES_MAX

PREFIX, OTHER = b"wa", b"wb"


def compared(rng: random.Random) -> Compared:
    label = rng.choice(["hit", "miss", "x" * 5_000])
    measured = rng.choice([rng.gauss(0, 1), None])
    return Compared(rng.gauss(0, 1), measured, label, rng.choice([label, None]), rng.random())


def name_of(rng: random.Random, spread_us: int) -> bytes:
    at = None if rng.random() < 0.1 else rng.randrange(-spread_us, spread_us)
    return row_of(at, rng.randbytes(16))


def assert_columns_of(rows: list[tuple[bytes, Compared]], found: RowColumns) -> None:
    assert found.newest == (rows[0][0] if rows else b"")
    for field in ("predicted", "measured", "probability"):
        stated = [getattr(pair, field) for _, pair in rows]
        np.testing.assert_array_equal(getattr(found, field), np.array(stated, np.float64))
    assert found.predicted_label == [pair.predicted_label for _, pair in rows]
    assert found.measured_label == [pair.measured_label for _, pair in rows]


@pytest.mark.parametrize("spread_us", [3, SPAN_US // 2, 5 * SPAN_US])
@pytest.mark.parametrize("seed", range(5))
def test_runs_hold_what_a_dict_of_rows_holds(seed: int, spread_us: int) -> None:
    rng, store, held = random.Random(seed), MemoryStore(), dict[bytes, Compared]()
    beside = {row_of(0, bytes(16)): compared(rng).to_bytes()}
    put_rows(store, OTHER, beside)
    for _ in range(60):
        new = {name_of(rng, spread_us): compared(rng) for _ in range(rng.choice([1, 3, 40]))}
        put_rows(store, PREFIX, {name: pair.to_bytes() for name, pair in new.items()})
        held |= new
        for name in rng.sample(sorted(held), len(held) // 8):
            remove_row(store, PREFIX, name)
            del held[name]
        remove_row(store, PREFIX, name_of(rng, spread_us))
        count = rng.choice([1, 50, 10_000])
        expected = sorted(held.items(), reverse=True)[:count]
        assert newest_rows(store, PREFIX, count) == expected
        assert_columns_of(expected, newest_columns(store, PREFIX, count))
        start, end = sorted(rng.randrange(-spread_us, spread_us) for _ in range(2))
        timed = {name: time_of(name) for name in sorted(held)}
        between = [n for n, at in timed.items() if at is not None and start <= at < end]
        assert [name for name, _ in rows_between(store, PREFIX, start, end)] == between
    for key, run in store.scan(PREFIX):
        names = [name for name, _ in rows_of(run)]
        assert names == sorted(names)
        assert key == PREFIX + names[-1]
        assert len(names) <= RUN_ROWS_MAX
        assert len(key) + len(run) <= RECORD_BYTES_MAX
    for name in held:
        remove_row(store, PREFIX, name)
    assert list(store.scan(PREFIX)) == []
    assert [key[-ROW_BYTES:] for key, _ in store.scan(OTHER)] == list(beside)


def test_what_comes_together_is_few_records_and_read_as_few() -> None:
    class Counting(MemoryStore):
        read = 0

        def scan(self, prefix: bytes, *, start: bytes = b"", reverse: bool = False):  # type: ignore[no-untyped-def]
            for found in super().scan(prefix, start=start, reverse=reverse):
                self.read += 1
                yield found

    store, pair = Counting(), Compared(1.5, 1.0, None, None, None).to_bytes()
    for first in range(0, 2_000, 100):
        put_rows(store, PREFIX, {row_of(at, bytes(16)): pair for at in range(first, first + 100)})
    assert len(list(store.scan(PREFIX))) == 40, "100 are a run of 64 and one of 36"
    store.read = 0
    assert len(newest_rows(store, PREFIX, 200)) == 200
    assert store.read == 5, "four runs, and the one that shows that these are all"
    store.read = 0
    assert newest_columns(store, PREFIX, 200).predicted.tolist() == [1.5] * 200
    assert store.read == 5
    assert newest_columns(store, PREFIX, 5_000).measured.tolist() == [1.0] * 2_000
    store.read = 0
    remove_row(store, PREFIX, row_of(50, bytes(16)))
    assert store.read == 1
