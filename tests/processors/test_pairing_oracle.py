"""The join in one batch, by the words of its design, and checks of that by hand.

The other tests of the join and the monitor take `live_pairs` as their oracle.
"""

from collections.abc import Iterable
from typing import NamedTuple

from processors.pairing import matches, standings
from schemas.codec import Codec
from schemas.events import AssayContext, Outcome, Prediction
from schemas.precedence import precedence
from schemas.table import SchemaTable

CODEC = Codec(SchemaTable())
FOR_EVER_US = 2**62

AnyEvent = Prediction | Outcome


class LivePair(NamedTuple):
    """A pair that stands, with the newest revisions of both sides."""

    status: str
    prediction: Prediction
    outcome: Outcome


def spelled_alike(event: AnyEvent) -> tuple[str, str]:
    return event.molecule_id.strip(), event.assay_id.strip()


def newest_revisions(events: Iterable[AnyEvent]) -> list[AnyEvent]:
    """Highest revision of each id; of two with one revision the higher hash."""
    newest: dict[tuple[str, str, tuple[str, str]], AnyEvent] = {}
    for event in events:
        place = (type(event).__name__, event.event_id, spelled_alike(event))
        rank = precedence(event)
        if place not in newest or rank > precedence(newest[place]):
            newest[place] = event
    return list(newest.values())


def in_context(prediction: Prediction, outcome: Outcome) -> bool:
    if spelled_alike(prediction) != spelled_alike(outcome):
        return False
    stated = prediction.context._asdict()
    measured = outcome.context._asdict()
    return all(measured[f] == stated[f] for f in stated if stated[f] is not None)


def came_too_late(prediction: Prediction, outcome: Outcome, retention_us: int) -> bool:
    if prediction.predicted_at is None or outcome.measured_at is None:
        return False
    return outcome.measured_at - prediction.predicted_at > retention_us


def came_after(prediction: Prediction, outcome: Outcome) -> bool:
    if prediction.predicted_at is None or outcome.measured_at is None:
        return False
    return prediction.predicted_at > outcome.measured_at


def rank(prediction: Prediction) -> tuple[int, bool, int, str]:
    """More stated fields, then later, a stated time before none, then the id."""
    stated = len([field for field in prediction.context if field is not None])
    made_at = prediction.predicted_at
    return stated, made_at is not None, made_at or 0, prediction.event_id


def live_pairs(
    events: Iterable[AnyEvent], retention_us: int = FOR_EVER_US
) -> dict[tuple[str, str], LivePair]:
    """Return every pair that stands at the end, late ones too, by (prediction id, outcome id)."""
    standing = [event for event in newest_revisions(events) if not event.retracted]
    predictions = [event for event in standing if isinstance(event, Prediction)]
    outcomes = [event for event in standing if isinstance(event, Outcome)]
    found: dict[tuple[str, str], LivePair] = {}
    for outcome in outcomes:
        met = [p for p in predictions if in_context(p, outcome)]
        early = [p for p in met if not came_after(p, outcome)]
        in_time = [p for p in early if not came_too_late(p, outcome, retention_us)]
        for prediction in met:
            rivals = [
                p
                for p in in_time
                if (p.model_id, p.model_version) == (prediction.model_id, prediction.model_version)
            ]
            if prediction not in early:
                status = "retrospective"
            elif prediction not in in_time:
                status = "late"
            else:
                status = "paired" if prediction == max(rivals, key=rank) else "superseded"
            pair = LivePair(status, prediction, outcome)
            found[prediction.event_id, outcome.event_id] = pair
    return found


P = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.0, predicted_at=10)
O = Outcome("o", 0, False, "m", "a", AssayContext("L1", "I1"), 1.0, measured_at=20)  # noqa: E741


def statuses(*events: AnyEvent, retention_us: int = FOR_EVER_US) -> dict[str, str]:
    """Return the statuses by prediction id, of the oracle and of the rule, which must agree."""
    oracle = {ids[0]: pair.status for ids, pair in live_pairs(events, retention_us).items()}
    predictions = [event for event in events if isinstance(event, Prediction)]
    (outcome,) = (event for event in events if isinstance(event, Outcome))
    said = standings(predictions, outcome, retention_us)
    rule = {event_id: status for event_id, (_, status) in said.items()}
    assert oracle == rule
    return rule


def test_a_field_left_out_matches_any_and_a_stated_one_its_equal() -> None:
    measured = AssayContext("L1", None, "ann")
    assert matches(AssayContext(), measured)
    assert matches(AssayContext("L1", operator="ann"), measured)
    assert not matches(AssayContext("L2"), measured)
    assert not matches(AssayContext(instrument="I1"), measured)
    assert not matches(AssayContext("l1"), measured)


def test_the_most_specific_context_counts_then_the_latest() -> None:
    general = P._replace(event_id="general", predicted_at=19)
    early = P._replace(event_id="early", context=AssayContext("L1"), predicted_at=5)
    late = P._replace(event_id="late", context=AssayContext(instrument="I1"), predicted_at=6)
    assert statuses(general, early, late, O) == {
        "general": "superseded",
        "early": "superseded",
        "late": "paired",
    }


def test_each_model_and_version_has_its_own_best() -> None:
    others = [
        P,
        P._replace(event_id="v2", model_version="2"),
        P._replace(event_id="tree", model_id="tree"),
        P._replace(event_id="early", predicted_at=9),
    ]
    assert statuses(*others, O) == {
        "p": "paired",
        "v2": "paired",
        "tree": "paired",
        "early": "superseded",
    }


def test_a_prediction_made_after_the_measurement_is_retrospective() -> None:
    at_once = P._replace(event_id="at once", predicted_at=20)
    after = P._replace(event_id="after", predicted_at=21, context=AssayContext("L1"))
    assert statuses(P, at_once, after, O) == {
        "p": "superseded",
        "at once": "paired",
        "after": "retrospective",
    }


def test_a_time_left_out_is_in_time_and_gives_way_to_a_stated_one() -> None:
    unstated = P._replace(event_id="unstated", predicted_at=None)
    assert statuses(unstated, O) == {"unstated": "paired"}
    assert statuses(unstated, P, O) == {"unstated": "superseded", "p": "paired"}
    late = P._replace(event_id="late", predicted_at=99)
    assert statuses(late, O._replace(measured_at=None)) == {"late": "paired"}


def test_an_outcome_is_late_for_a_prediction_older_than_the_retention() -> None:
    just = P._replace(event_id="just", predicted_at=13)
    after = P._replace(event_id="after", predicted_at=21)
    unstated = P._replace(event_id="unstated", predicted_at=None)
    assert statuses(P, just, after, unstated, O, retention_us=7) == {
        "p": "late",
        "just": "paired",
        "after": "retrospective",
        "unstated": "superseded",
    }
    # A late one that is more specific does not supersede.
    special = P._replace(event_id="special", context=AssayContext("L1"))
    assert statuses(special, just, O, retention_us=7) == {"special": "late", "just": "paired"}


def test_times_before_1970_are_times() -> None:
    early = P._replace(event_id="early", predicted_at=-50)
    unstated = P._replace(event_id="unstated", predicted_at=None)
    outcome = O._replace(measured_at=-40)
    assert statuses(early, unstated, outcome) == {"early": "paired", "unstated": "superseded"}


def test_what_is_retracted_pairs_with_nothing() -> None:
    assert statuses(P._replace(retracted=True), O) == {}
    assert statuses(P, O._replace(retracted=True)) == {}
    # A retracted rival does not supersede.
    later = P._replace(event_id="later", predicted_at=11, retracted=True)
    assert statuses(P, later, O) == {"p": "paired"}
