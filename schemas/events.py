"""The event types, field for field as their `.avsc` (a test holds them equal).

Times are integers: microseconds since 1970 in UTC. None means "not stated" wherever a type allows
it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Self, get_args

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


# Of an alert, and of a model version in an assay as a whole, which has an alert_id of its own.
ALERT_STATES = ("open", "acknowledged", "muted", "recovered")
STATUS_STATES = ("learning", "healthy", "warning", "no_labels")
SEVERITIES = ("info", "warning", "critical")


class FactorEffect(NamedTuple):
    """How far results of a factor's level moved with a change; see the `.avsc` of Alert."""

    factor: str
    value: str
    is_cause: bool
    effect_sd: float | None
    effect_low: float | None
    effect_high: float | None
    n: int
    adjusted_p: float
    aliased_with: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Return the effect of a record of Avro or ClickHouse, which have lists for tuples."""
        return cls(**{**record, "aliased_with": tuple(record.get("aliased_with", ()))})


class Alert(NamedTuple):
    """One state of one alert, or the status of a model version in an assay.

    What each field means is in the `.avsc`. A row with `muted_until` is kept and not passed on.
    """

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
    severity: str = "warning"
    kind: str = "unknown"
    effect_low: float | None = None
    effect_high: float | None = None
    mean_error_before: float | None = None
    mean_error_since: float | None = None
    false_alarms_per_year: float | None = None
    tied: tuple[str, ...] = ()
    first_run: str | None = None
    molecules: int = 0
    molecule_ids: tuple[str, ...] = ()
    rule: str | None = None
    planned_change: str | None = None
    acknowledged_by: str | None = None
    muted_until: int | None = None
    factors: tuple[FactorEffect, ...] = ()

    @property
    def is_status(self) -> bool:
        """Whether the row is the status of a model version as a whole, not an alert."""
        return self.state in STATUS_STATES


COMMAND_KINDS = ("acknowledge", "mute", "unmute", "plan", "cancel_plan", "rebaseline")


class AlertCommand(NamedTuple):
    """What a person tells the monitor about the alerts of an assay, as a copy for one lane.

    `kind` is one of COMMAND_KINDS. A model, version, segment or value of None means every one.
    """

    command_id: str
    kind: str
    model_id: str | None
    model_version: str | None
    assay_id: str
    segment_field: str | None
    segment_value: str | None
    starts_at: int | None
    ends_at: int | None
    by: str
    note: str
    at: int
    lane: int = 0


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


Event = (
    Prediction
    | Outcome
    | Pair
    | LatePair
    | Coverage
    | Metric
    | Alert
    | AlertCommand
    | DeadLetter
    | Tick
)
EVENT_TYPES: dict[str, type[Event]] = {t.__name__: t for t in get_args(Event)}
