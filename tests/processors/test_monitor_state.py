"""What the monitor writes: little, in small records, and nothing that another version misreads."""

import random

import pytest
from test_monitor_windows import Content, pair_of

from processors import keys
from processors.monitor import Monitor
from processors.options import DAY_US, Options
from processors.store import MemoryStore
from schemas.errors import InvalidValueError
from schemas.events import Metric, Tick

RECORD_BYTES_MAX = 65_536


class CountingStore(MemoryStore):
    """A store that tells what was written since it was last asked."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[bytes, bytes] = {}

    def put(self, key: bytes, value: bytes) -> None:
        super().put(key, value)
        self._written[key] = value

    def delete(self, key: bytes) -> None:
        super().delete(key)
        self._written[key] = b""

    def written(self) -> dict[bytes, bytes]:
        written, self._written = self._written, {}
        return written


def content(number: int, rng: random.Random) -> Content:
    predicted, label = rng.gauss(6, 1), rng.choice(["hit", "miss"])
    at = number * DAY_US // 20
    measured = predicted + rng.gauss(0, 0.3)
    return Content("1", "L1", "I1", at, predicted, measured, label, label, rng.random(), "paired")


def bytes_per_pair(pairs: int) -> float:
    """Return the mean bytes of 20 checkpoints of one new pair each, after so many pairs."""
    rng, monitor, store = random.Random(1), Monitor(), CountingStore()
    for number in range(pairs):
        monitor.process(pair_of(number, content(number, rng)), number + 1, store)
    monitor.flush(store, quiet=True)
    store.written()
    total = 0
    for number in range(pairs, pairs + 20):
        monitor.process(pair_of(number, content(number, rng)), number + 1, store)
        monitor.flush(store, quiet=True)
        written = store.written()
        # That a chart came near its limit, or left it, is told once.
        kinds = {key[:1] for key in written} - {keys.ALERT}
        assert kinds == {keys.PAIR, keys.ROW, keys.DAY, keys.SERIES, keys.INPUT}
        total += sum(len(key) + len(value) for key, value in written.items())
    return total / 20


def test_what_one_new_pair_writes_does_not_grow_with_the_series() -> None:
    few, many = bytes_per_pair(300), bytes_per_pair(3_000)
    assert many < 1.1 * few
    assert many < 3_000, "three series"


def test_a_pair_that_is_said_again_writes_nothing() -> None:
    rng, monitor, store = random.Random(2), Monitor(), CountingStore()
    pair = pair_of(1, content(1, rng))
    monitor.process(pair, 1, store)
    monitor.flush(store, quiet=True)
    store.written()
    monitor.process(pair._replace(row_version=9), 2, store)
    assert monitor.flush(store, quiet=True) == []
    assert store.written() == {}


def test_a_tick_writes_the_time_alone_and_says_nothing() -> None:
    monitor, store = Monitor(), CountingStore()
    assert monitor.process(Tick(0, 5), 1, store) == []
    assert monitor.flush(store, quiet=True) == []
    assert [key[:1] for key in store.written()] == [keys.ORDER]
    assert monitor.process(Tick(0, 5), 2, store) == []
    assert store.written() == {}


def test_pairs_that_leave_take_their_records_along() -> None:
    rng, monitor, store = random.Random(3), Monitor(), MemoryStore()
    said = {number: content(number, rng) for number in range(40)}
    for number, one in said.items():
        monitor.process(pair_of(number, one), number + 1, store)
    monitor.flush(store, quiet=True)
    held = {key[:1] for key, _ in store.scan(b"")}
    assert {keys.PAIR, keys.ROW, keys.DAY} <= held
    for number, one in said.items():
        gone = pair_of(number, one._replace(status="retracted"))
        monitor.process(gone, 100 + number, store)
    monitor.flush(store, quiet=False)
    left = {key[:1] for key, value in store.scan(b"") if value}
    assert not left & {keys.PAIR, keys.ROW, keys.DAY}


def test_records_stay_small_and_states_whole_with_many_long_labels() -> None:
    """Labels of 200 bytes, every one new: sums that outgrow a record are kept in parts."""
    rng, monitor, store = random.Random(4), Monitor(), MemoryStore()
    for number in range(300):
        label = f"{number:04}" + "y" * 196
        one = content(number, rng)._replace(predicted_label=label, measured_label=label, at=5)
        monitor.process(pair_of(number, one), number + 1, store)
    monitor.flush(store, quiet=False)
    assert max(len(key) + len(value) for key, value in store.scan(b"")) <= RECORD_BYTES_MAX
    assert any(key.startswith(b"~") for key, _ in store.scan(b""))
    again = Monitor(Options(window_pairs=()))
    again.process(pair_of(300, content(300, rng)._replace(at=6)), 400, store)
    metrics = [m for m in again.flush(store, quiet=True) if isinstance(m, Metric)]
    said = {(m.window, m.metric): m for m in metrics if m.segment_field is None}
    for window in ("all", "days:30"):
        assert said[window, "n"].n == 301
        assert said[window, "accuracy"].value == 1.0


def test_numbers_that_are_not_finite_are_rejected_before_any_change() -> None:
    monitor, store = Monitor(), CountingStore()
    one = content(1, random.Random(5))._replace(measured=float("inf"))
    with pytest.raises(InvalidValueError):
        monitor.process(pair_of(1, one), 1, store)
    assert store.written() == {}


@pytest.mark.parametrize("pair_id", ["", "00", "xy" * 16, "0" * 34])
def test_an_id_that_is_none_is_rejected_before_any_change(pair_id: str) -> None:
    monitor, store = Monitor(), CountingStore()
    pair = pair_of(1, content(1, random.Random(5)))
    with pytest.raises(InvalidValueError, match="pair_id"):
        monitor.process(pair._replace(pair_id=pair_id), 1, store)
    assert store.written() == {}
