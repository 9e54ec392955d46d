"""The benchmarks' input is what it says it is."""

from collections import Counter

import pytest

from benchmarks.oracle import pairs_of
from benchmarks.workload import MODELS, Event, events
from schemas.events import AssayContext, Outcome, Prediction

START_US = 1_790_000_000_000_000
COUNT = 20_000


@pytest.fixture(scope="module")
def full() -> list[Event]:
    return events("full", COUNT, 1, START_US)


@pytest.fixture(scope="module")
def single() -> list[Event]:
    return events("single", COUNT, 1, START_US)


def test_equal_seeds_give_equal_events_and_others_do_not(full: list[Event]) -> None:
    assert len(full) == COUNT
    assert events("full", COUNT, 1, START_US) == full
    assert events("full", COUNT, 2, START_US) != full


@pytest.mark.parametrize("shape", ["full", "single"])
def test_one_percent_comes_twice(shape: str, request: pytest.FixtureRequest) -> None:
    made: list[Event] = request.getfixturevalue(shape)
    times_sent = Counter((event.event_id, event.revision) for event in made)
    again = sum(times - 1 for times in times_sent.values())
    # Binomial: 200 expected, standard deviation 14; some are cut off at the end.
    assert 130 < again < 260
    assert max(times_sent.values()) == 2


def test_full_has_models_revisions_and_partial_contexts(full: list[Event]) -> None:
    predictions = [event for event in full if isinstance(event, Prediction)]
    assert {event.model_id for event in predictions} == set(MODELS)
    stated = Counter(sum(field is not None for field in event.context) for event in predictions)
    assert set(stated) == {0, 1, 2, 4}
    revised = sum(event.revision for event in full)
    assert 280 < revised < 480  # 400 expected, standard deviation 20; some are cut off at the end
    first = {event.event_id: event for event in reversed(full)}
    last = {event.event_id: event for event in full}
    assert any(first[i].value != last[i].value for i in first)


def test_some_outcomes_come_before_their_predictions_in_full(full: list[Event]) -> None:
    predicted: set[str] = set()
    early = 0
    for event in full:
        if isinstance(event, Prediction):
            predicted.add(event.molecule_id)
        elif event.molecule_id not in predicted:
            early += 1
    assert early > 100


def test_single_has_one_prediction_and_one_later_outcome(single: list[Event]) -> None:
    seen: dict[str, set[str]] = {}
    for event in single:
        of_molecule = seen.setdefault(event.molecule_id, set())
        of_molecule.add(event.event_id)
        if isinstance(event, Outcome):
            assert len(of_molecule) == 2, "its prediction came before"
        assert len(of_molecule) <= 2
        assert event.revision == 0
    assert {truth.status for truth in pairs_of(single).values()} == {"paired"}


def test_outcomes_state_their_whole_context(full: list[Event]) -> None:
    assert all(None not in event.context for event in full if isinstance(event, Outcome))
    assert len(AssayContext._fields) == 4


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="full, single"):
        events("round", 10, 1, START_US)
