"""How many predictions of a lane are open, and which waits longest."""

import pytest

from processors import open_predictions
from processors.join import Join
from processors.options import DAY_US
from processors.store import MemoryStore
from schemas.codec import Codec
from schemas.events import AssayContext, Event, Outcome, Prediction, Tick
from schemas.table import SchemaTable

CODEC = Codec(SchemaTable())
NOW = 20_000 * DAY_US


class Lane:
    """A join with its store; `quiet` flushes it as a lane does when no input waits."""

    def __init__(self) -> None:
        self.join, self.store, self._sequence = Join(CODEC), MemoryStore(), 0
        self.take(Tick(0, NOW))

    def take(self, *events: Event) -> None:
        for event in events:
            self._sequence += 1
            self.join.process(event, self._sequence, self.store)

    def quiet(self) -> tuple[int, int | None]:
        self.join.flush(self.store, quiet=True)
        return self.join.open_predictions


def predicted(name: str, days_ago: int, **changes: object) -> Prediction:
    at = NOW - days_ago * DAY_US
    event = Prediction(name, 0, False, name, "a", AssayContext(), "net", "1", 1.0, predicted_at=at)
    return event._replace(**changes)  # type: ignore[arg-type]


def measured(name: str, **changes: object) -> Outcome:
    event = Outcome(f"o-{name}", 0, False, name, "a", AssayContext(), 1.0, measured_at=NOW)
    return event._replace(**changes)  # type: ignore[arg-type]


def test_without_predictions_none_is_open() -> None:
    assert Lane().quiet() == (0, None)


def test_the_oldest_is_told_and_the_next_once_it_is_answered() -> None:
    lane = Lane()
    lane.take(*(predicted(name, days) for name, days in (("B", 5), ("A", 9), ("C", 2))))
    assert lane.quiet() == (3, NOW - 9 * DAY_US)
    lane.take(measured("A"))
    assert lane.quiet() == (2, NOW - 5 * DAY_US)
    lane.take(measured("B"), measured("C"))
    assert lane.quiet() == (0, None)


def test_older_ones_that_are_loaded_later_are_found() -> None:
    lane = Lane()
    lane.take(predicted("A", 5), measured("A"), predicted("B", 3))
    assert lane.quiet() == (1, NOW - 3 * DAY_US)
    lane.take(predicted("Z", 30))
    assert lane.quiet() == (2, NOW - 30 * DAY_US)


def test_an_answer_that_is_taken_back_shows_with_the_next_tick() -> None:
    lane = Lane()
    lane.take(predicted("A", 9), measured("A"), predicted("B", 3))
    assert lane.quiet() == (1, NOW - 3 * DAY_US)
    lane.take(measured("A", revision=1, retracted=True))
    lane.take(Tick(0, NOW + 1))
    assert lane.quiet() == (2, NOW - 9 * DAY_US)


def test_a_prediction_whose_retraction_is_taken_back_is_found_again() -> None:
    lane = Lane()
    lane.take(predicted("A", 9), predicted("A", 9, revision=1, retracted=True), predicted("B", 3))
    assert lane.quiet() == (1, NOW - 3 * DAY_US)
    lane.take(predicted("A", 9, revision=2))
    assert lane.quiet() == (2, NOW - 9 * DAY_US)


def test_an_answered_one_that_is_moved_to_another_model_is_found_again() -> None:
    lane = Lane()
    stated = AssayContext(operator="ann")
    lane.take(predicted("A", 9), measured("A"), predicted("B", 3))
    assert lane.quiet() == (1, NOW - 3 * DAY_US)
    lane.take(predicted("A", 9, revision=1, model_id="other", context=stated))
    assert lane.quiet() == (2, NOW - 9 * DAY_US)


def test_retracted_and_expired_ones_are_not_open_and_timeless_ones_have_no_age() -> None:
    lane = Lane()
    lane.take(predicted("A", 9), predicted("A", 9, revision=1, retracted=True))
    lane.take(predicted("E", 500), predicted("T", 0, predicted_at=None))
    assert lane.quiet() == (1, None)


def test_the_count_is_the_same_for_the_next_owner() -> None:
    lane = Lane()
    lane.take(*(predicted(f"M{i}", i) for i in range(20)), *(measured(f"M{i}") for i in range(7)))
    found = lane.quiet()
    lane.join = Join(CODEC)
    lane.take(Tick(0, NOW))  # which comes with every taking over
    assert found == lane.quiet() == (13, NOW - 19 * DAY_US)


def test_many_answered_ones_are_passed_a_part_at_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_predictions, "KEYS_AT_ONCE", 3)
    lane = Lane()
    for i in range(10):
        lane.take(predicted(f"M{i}", 50 - i), measured(f"M{i}"))
    lane.take(predicted("last", 1))
    looks = [lane.quiet() for _ in range(4)]
    assert looks[0] == (1, None) and looks[-1] == (1, NOW - DAY_US)
