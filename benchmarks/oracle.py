"""Which pairs there are: a join over dicts by the words of the design, and no code of the product.

A prediction matches an outcome of its molecule and assay when every context field it states equals
the outcome's. The highest revision of an event counts. Of several predictions of one model version
for one outcome the most specific counts, then the latest; the others are superseded; one made after
the measurement is retrospective.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.engine import PairKey, WrittenPair
from schemas.events import Outcome, Prediction


class TruePair(NamedTuple):
    """What must stand of a pair in the end."""

    prediction_revision: int
    outcome_revision: int
    status: str


def pairs_of(events: Iterable[Prediction | Outcome]) -> dict[PairKey, TruePair]:
    """Return every pair by the ids of its prediction and its outcome, for events of any order."""
    predictions: dict[str, Prediction] = {}
    outcomes: dict[str, Outcome] = {}
    for event in events:
        if isinstance(event, Prediction):
            known = predictions.get(event.event_id)
            if known is None or event.revision > known.revision:
                predictions[event.event_id] = event
        else:
            measured = outcomes.get(event.event_id)
            if measured is None or event.revision > measured.revision:
                outcomes[event.event_id] = event
    candidates: dict[tuple[str, str], list[Prediction]] = defaultdict(list)
    for prediction in predictions.values():
        candidates[prediction.molecule_id, prediction.assay_id].append(prediction)
    found: dict[PairKey, TruePair] = {}
    for outcome in outcomes.values():
        found |= _pairs_with(outcome, candidates[outcome.molecule_id, outcome.assay_id])
    return found


def _pairs_with(outcome: Outcome, candidates: Iterable[Prediction]) -> dict[PairKey, TruePair]:
    rivals: dict[tuple[str, str], list[Prediction]] = defaultdict(list)
    found: dict[PairKey, TruePair] = {}
    for prediction in candidates:
        stated = {k: v for k, v in prediction.context._asdict().items() if v is not None}
        if any(getattr(outcome.context, field) != value for field, value in stated.items()):
            continue
        assert prediction.predicted_at is not None
        assert outcome.measured_at is not None
        if prediction.predicted_at > outcome.measured_at:
            found[prediction.event_id, outcome.event_id] = TruePair(
                prediction.revision, outcome.revision, "retrospective"
            )
        else:
            rivals[prediction.model_id, prediction.model_version].append(prediction)
    for group in rivals.values():
        group.sort(
            key=lambda p: (sum(f is not None for f in p.context), p.predicted_at, p.event_id)
        )
        for prediction in group:
            status = "paired" if prediction is group[-1] else "superseded"
            found[prediction.event_id, outcome.event_id] = TruePair(
                prediction.revision, outcome.revision, status
            )
    return found


class Tally(NamedTuple):
    """How an engine's pairs compare: right and standing, and standing though they should not."""

    found: int
    wrong: int


def tally(written: Iterable[WrittenPair], there: dict[PairKey, TruePair]) -> Tally:
    """Return how many of the pairs that are there an engine wrote so that they stand and are right.

    A pair is right with the newest revisions of both events and, where the engine tells it, the
    status.
    """
    last: dict[PairKey, WrittenPair] = {}
    for pair in written:
        known = last.get(pair.key)
        if known is None or pair.order > known.order:
            last[pair.key] = pair
    standing = [pair for pair in last.values() if pair.stands]
    found = sum(_is_right(pair, there.get(pair.key)) for pair in standing)
    return Tally(found, len(standing) - found)


def _is_right(pair: WrittenPair, truth: TruePair | None) -> bool:
    return (
        truth is not None
        and pair.prediction_revision == truth.prediction_revision
        and pair.outcome_revision == truth.outcome_revision
        and pair.status in (None, truth.status)
    )
