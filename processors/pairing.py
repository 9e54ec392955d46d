"""Which predictions an outcome meets, and in what standing: a rule over sets of events."""

from collections.abc import Iterable

from processors.units import convert
from schemas.events import AssayContext, LatePair, Outcome, Pair, Prediction
from schemas.topics import canonical, digest

PAIRED = "paired"
SUPERSEDED = "superseded"
RETROSPECTIVE = "retrospective"
LATE = "late"
RETRACTED = "retracted"
# The outcome answers the prediction, whether or not the pair counts.
IN_TIME = (PAIRED, SUPERSEDED)

Standing = tuple[Prediction, str]


def matches(stated: AssayContext, measured: AssayContext) -> bool:
    """Return whether an outcome's context meets every field that a prediction states.

    >>> matches(AssayContext(instrument="I1"), AssayContext("L1", "I1"))
    True
    >>> matches(AssayContext(operator="ann"), AssayContext("L1", "I1"))
    False
    """
    reagent_batch, instrument, operator, protocol_version = stated
    return (
        (reagent_batch is None or reagent_batch == measured[0])
        and (instrument is None or instrument == measured[1])
        and (operator is None or operator == measured[2])
        and (protocol_version is None or protocol_version == measured[3])
    )


def _precedence(prediction: Prediction) -> tuple[int, int, str]:
    """Rank rivals: the most specific context, then the latest made, then the event id."""
    specificity = sum(field is not None for field in prediction.context)
    made_at = prediction.predicted_at
    return specificity, -(2**62) if made_at is None else made_at, prediction.event_id


def standings(
    predictions: Iterable[Prediction], outcome: Outcome, retention_us: int
) -> dict[str, Standing]:
    """Return, by event id, the predictions that pair with `outcome` and each one's status.

    Of several of one model version the one of highest precedence is "paired" and the others are
    "superseded". One made after the measurement is "retrospective"; of one made more than
    `retention_us` microseconds before it the outcome is "late"; a time that either side leaves out
    counts as in time. A retracted outcome or prediction pairs with nothing.

    >>> early = Prediction("p1", 0, False, "m", "a", AssayContext(), "x", "1", 1.0, predicted_at=1)
    >>> late = early._replace(event_id="p2", predicted_at=2)
    >>> outcome = Outcome("o", 0, False, "m", "a", AssayContext(), 1.2, measured_at=3)
    >>> {i: status for i, (_, status) in standings([early, late], outcome, 5).items()}
    {'p1': 'superseded', 'p2': 'paired'}
    >>> {i: status for i, (_, status) in standings([early, late], outcome, 1).items()}
    {'p1': 'late', 'p2': 'paired'}
    """
    if outcome.retracted:
        return {}
    found: dict[str, Standing] = {}
    best: dict[tuple[str, str], Prediction] = {}
    for prediction in predictions:
        if prediction.retracted or not matches(prediction.context, outcome.context):
            continue
        status = _in_time_or_not(prediction, outcome, retention_us)
        found[prediction.event_id] = (prediction, status)
        if status == SUPERSEDED:
            version = (prediction.model_id, prediction.model_version)
            if version not in best or _precedence(prediction) > _precedence(best[version]):
                best[version] = prediction
    for prediction in best.values():
        found[prediction.event_id] = (prediction, PAIRED)
    return found


def _in_time_or_not(prediction: Prediction, outcome: Outcome, retention_us: int) -> str:
    made_at, measured_at = prediction.predicted_at, outcome.measured_at
    if made_at is None or measured_at is None:
        return SUPERSEDED
    if made_at > measured_at:
        return RETROSPECTIVE
    return LATE if measured_at > made_at + retention_us else SUPERSEDED


def answers(outcome: Outcome, prediction: Prediction, retention_us: int) -> bool:
    """Return whether an outcome answers a prediction: matches, in time, neither retracted.

    >>> p = Prediction("p", 0, False, "m", "a", AssayContext(), "x", "1", 1.0, predicted_at=1)
    >>> o = Outcome("o", 0, False, "m", "a", AssayContext(), 1.2, measured_at=3)
    >>> answers(o, p, 5), answers(o, p, 1)
    (True, False)
    """
    if prediction.retracted or outcome.retracted:
        return False
    return (
        matches(prediction.context, outcome.context)
        and _in_time_or_not(prediction, outcome, retention_us) in IN_TIME
    )


def pair_id_of(prediction: Prediction, outcome: Outcome) -> str:
    """Return a pair's identity: what is compared, by which model, and both event ids.

    An event that a revision moves to another molecule, assay or model leaves its old pairs behind
    and makes new ones, in whatever order the two are worked off.

    >>> p = Prediction("p", 0, False, "m", "a", AssayContext(), "x", "1", 1.0)
    >>> o = Outcome("o", 0, False, "m", "a", AssayContext(), 1.2)
    >>> pair_id_of(p, o) == pair_id_of(p._replace(revision=1, value=2.0), o)
    True
    """
    place = (canonical(outcome.molecule_id), canonical(outcome.assay_id), prediction.model_id)
    return digest("pair", *place, prediction.event_id, outcome.event_id)


def pair_of(prediction: Prediction, outcome: Outcome, status: str, row_version: int) -> Pair:
    """Return the pair of a prediction and an outcome, the prediction's value in the outcome's unit.

    A retracted pair carries no values. Raises InvalidValueError when the two units cannot be
    converted.

    >>> p = Prediction("p", 0, False, "m", "a", AssayContext(), "x", "1", 1500.0, unit="nM")
    >>> o = Outcome("o", 0, False, "m", "a", AssayContext(), 1.2, unit="uM")
    >>> pair = pair_of(p, o, PAIRED, 1)
    >>> round(pair.predicted, 6), pair.measured, pair.unit
    (1.5, 1.2, 'uM')
    """
    retracted = status == RETRACTED
    predicted = None if retracted else prediction.value
    if predicted is not None and outcome.value is not None:
        predicted = convert(predicted, prediction.unit, outcome.unit)
    return Pair(
        pair_id=pair_id_of(prediction, outcome),
        row_version=row_version,
        status=status,
        unit=prediction.unit if outcome.value is None else outcome.unit or prediction.unit,
        predicted=predicted,
        measured=None if retracted else outcome.value,
        prediction=prediction,
        outcome=outcome,
    )


def late_pair_of(
    prediction: Prediction, outcome: Outcome, retracted: bool, row_version: int
) -> LatePair:
    """Return the late pair of a prediction and an outcome; `retracted` when it is none any more.

    >>> p = Prediction("p", 0, False, "m", "a", AssayContext(), "x", "1", 1.0, predicted_at=1)
    >>> o = Outcome("o", 0, False, "m", "a", AssayContext(), 1.2, measured_at=9)
    >>> late_pair_of(p, o, False, 1).pair_id == pair_id_of(p, o)
    True
    """
    return LatePair(pair_id_of(prediction, outcome), row_version, retracted, prediction, outcome)
