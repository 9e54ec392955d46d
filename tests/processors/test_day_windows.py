"""Windows of days: which days they hold, at any gaps, sizes and times before 1970."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.day_windows import day_of, day_windows
from processors.keys import SeriesKeys, day_of_key
from processors.parts import PART_BYTES, delete_parts, get_parts, joined, put_parts
from processors.series import Compared, SeriesName
from processors.store import MemoryStore
from processors.window_sums import WindowSums, terms_of
from schemas.validation import TIME_MAX_US, TIME_MIN_US

KEYS = SeriesKeys(b"net", SeriesName("1", None, None))
OTHER = SeriesKeys(b"net", SeriesName("2", None, None))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

any_time = st.integers(TIME_MIN_US, TIME_MAX_US)


@given(any_time)
def test_a_day_is_the_utc_date(at: int) -> None:
    date = (EPOCH + timedelta(microseconds=at)).date()
    assert date == EPOCH.date() + timedelta(days=day_of(at))


@given(any_time, any_time)
def test_keys_of_days_stand_in_order(one: int, other: int) -> None:
    days = sorted(map(day_of, (one, other)))
    assert sorted(map(KEYS.day, days)) == list(map(KEYS.day, days))
    assert [day_of_key(KEYS.day(day)) for day in days] == days


def sums_of(errors: list[float]) -> WindowSums:
    sums = WindowSums()
    for error in errors:
        pair = Compared(error, 0.0, "a", "b", None)
        sums.add(pair, terms_of(pair))
    return sums


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(-40, 40), st.lists(st.floats(-9, 9), min_size=1, max_size=3)),
    st.lists(st.integers(1, 60), max_size=4),
)
def test_a_window_merges_the_days_that_end_with_the_newest(
    days: dict[int, list[float]], windows: list[int]
) -> None:
    store = MemoryStore()
    for day, errors in days.items():
        put_parts(store, KEYS.day(day), sums_of(errors).to_bytes())
    put_parts(store, OTHER.day(99), sums_of([1.0]).to_bytes())
    found = dict(day_windows(store, KEYS.days, tuple(windows)))
    assert set(found) == (set(windows) if days else set())
    for size, sums in found.items():
        inside = [e for day, its in days.items() if day > max(days) - size for e in its]
        assert sums.to_bytes() == sums_of(inside).to_bytes()


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES]), max_size=5))
def test_values_in_parts_come_back_and_go_whole(sizes: list[int]) -> None:
    store = MemoryStore()
    put_parts(store, b"k2", b"other")
    for number, size in enumerate(sizes):
        value = bytes([number + 1]) * size
        put_parts(store, b"k", value)
        assert get_parts(store, b"k") == value
        assert {key: joined(store, key, first) for key, first in store.scan(b"k")} == {
            b"k": value,
            b"k2": b"other",
        }
    delete_parts(store, b"k")
    assert [key for key, _ in store.scan(b"")] == [b"k2"]
