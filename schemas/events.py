"""The event types, field for field as their `.avsc` (a test holds them equal).

Times are integers: microseconds since 1970 in UTC. None means "not stated" wherever a type allows
it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

CONTEXT_FIELDS = ("reagent_batch", "instrument", "operator", "protocol_version")


class AssayContext(NamedTuple):
    """The conditions a measurement was made under."""

    reagent_batch: str | None = None
    instrument: str | None = None
    operator: str | None = None
    protocol_version: str | None = None


class _Prediction(NamedTuple):
    event_id: str
    revision: int
    retracted: bool
    molecule_id: str
    assay_id: str
    context: AssayContext
    model_id: str
    model_version: str
    value: float | None = None
    label: str | None = None
    probability: float | None = None
    uncertainty: float | None = None
    unit: str | None = None
    predicted_at: int | None = None
    features: Mapping[str, float | str] = MappingProxyType({})


class Prediction(_Prediction):
    """What a model version says a molecule will read in an assay.

    `body` is its Avro record under the current schema, None when it was neither read nor written.
    """

    body: bytes | None = None


class _Outcome(NamedTuple):
    event_id: str
    revision: int
    retracted: bool
    molecule_id: str
    assay_id: str
    context: AssayContext
    value: float | None = None
    label: str | None = None
    qualifier: str | None = None
    unit: str | None = None
    measured_at: int | None = None


class Outcome(_Outcome):
    """What the bench measured for a molecule in an assay; `body` as with a prediction."""

    body: bytes | None = None


class Pair(NamedTuple):
    """One prediction beside one outcome; `predicted` and `measured` share `unit`."""

    pair_id: str
    row_version: int
    status: str
    unit: str | None
    predicted: float | None
    measured: float | None
    prediction: Prediction
    outcome: Outcome


class LatePair(NamedTuple):
    """An outcome measured longer after its prediction than the assay's retention."""

    pair_id: str
    row_version: int
    retracted: bool
    prediction: Prediction
    outcome: Outcome


class Coverage(NamedTuple):
    """How many predictions of a model version in an assay are answered, as one lane counts them.

    Of `predictions` (the retracted left out) `labelled` met an outcome within the retention and
    `expired` can no longer; the rest is open. The sum over lanes is the whole.
    """

    model_id: str
    model_version: str
    assay_id: str
    lane: int
    predictions: int
    labelled: int
    expired: int
    row_version: int


class Metric(NamedTuple):
    """One metric of one series over one window; `low` to `high` is the 95 % interval."""

    model_id: str
    model_version: str
    assay_id: str
    segment_field: str | None
    segment_value: str | None
    window: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    at: int | None
    row_version: int


class Alert(NamedTuple):
    """One state of one alert."""

    alert_id: str
    row_version: int
    state: str
    model_id: str
    model_version: str
    assay_id: str
    segment_field: str | None
    segment_value: str | None
    detector: str
    since: int | None
    detected_at: int | None
    effect_sd: float | None
    p_value: float | None
    n: int
    reason: str


class DeadLetter(NamedTuple):
    """A record that could not be taken in, with all that is needed to mend and replay it."""

    dead_letter_id: str
    origin: str
    partition: int | None
    position: int
    column: str | None
    schema_id: int | None
    error: str
    reason: str
    key: bytes | None
    payload: bytes


class Tick(NamedTuple):
    """The time, as the owner of a lane tells it to the lane's log."""

    lane: int
    at: int


Event = Prediction | Outcome | Pair | LatePair | Coverage | Metric | Alert | DeadLetter | Tick
EVENT_TYPES: dict[str, type[Event]] = {
    t.__name__: t
    for t in (Prediction, Outcome, Pair, LatePair, Coverage, Metric, Alert, DeadLetter, Tick)
}
