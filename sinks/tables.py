"""How events become rows: which table a topic fills, its columns, and an event's values for them.

The tables themselves are `sql/tables/*.sql`; a row's values stand in the order of its columns.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from schemas.events import (
    CONTEXT_FIELDS,
    Alert,
    Coverage,
    DeadLetter,
    Event,
    LatePair,
    Metric,
    Outcome,
    Pair,
    Prediction,
)
from schemas.precedence import precedence
from schemas.topics import canonical

# Below every time an event may hold; stands in a key for "no time".
NO_TIME_US = -(2**63)

Row = tuple[Any, ...]


class Table(NamedTuple):
    """A table that a topic fills; `row` gives an event's values in the order of `columns`."""

    name: str
    columns: tuple[str, ...]
    row: Callable[[Any], Row]

    def column_data(self, events: Sequence[Event]) -> list[Sequence[Any]]:
        """Return the events as one sequence per column.

        Raises AttributeError, TypeError or ValueError for what is no event of this table.
        """
        return list(zip(*map(self.row, events), strict=True))


def _versioned(event: Prediction | Outcome, *rest: Any) -> Row:
    return (
        precedence(event),
        event.event_id,
        event.revision,
        event.retracted,
        canonical(event.molecule_id),
        canonical(event.assay_id),
        *event.context,
        *rest,
    )


def _prediction(event: Prediction) -> Row:
    numbers = {k: v for k, v in event.features.items() if not isinstance(v, str)}
    labels = {k: v for k, v in event.features.items() if isinstance(v, str)}
    return _versioned(
        event,
        event.model_id,
        event.model_version,
        event.value,
        event.label,
        event.probability,
        event.uncertainty,
        event.unit,
        event.predicted_at,
        numbers,
        labels,
    )


def _outcome(event: Outcome) -> Row:
    return _versioned(
        event, event.value, event.label, event.qualifier, event.unit, event.measured_at
    )


def _compared(prediction: Prediction, outcome: Outcome) -> Row:
    """Return what stands beside one another, in the order of _COMPARED."""
    return (
        prediction.model_id,
        prediction.model_version,
        canonical(outcome.molecule_id),
        canonical(outcome.assay_id),
        *outcome.context,
    )


def _pair(event: Pair) -> Row:
    prediction, outcome = event.prediction, event.outcome
    return (
        event.pair_id,
        event.row_version,
        event.status,
        *_compared(prediction, outcome),
        event.unit,
        event.predicted,
        event.measured,
        prediction.label,
        outcome.label,
        prediction.probability,
        outcome.qualifier,
        prediction.predicted_at,
        outcome.measured_at,
        prediction.event_id,
        outcome.event_id,
    )


def _late_pair(event: LatePair) -> Row:
    prediction, outcome = event.prediction, event.outcome
    return (
        event.pair_id,
        event.row_version,
        event.retracted,
        *_compared(prediction, outcome),
        prediction.value,
        prediction.unit,
        outcome.value,
        outcome.unit,
        prediction.label,
        outcome.label,
        prediction.predicted_at,
        outcome.measured_at,
        prediction.event_id,
        outcome.event_id,
    )


def _metric(event: Metric) -> Row:
    return (
        *event[:3],
        event.segment_field or "",
        event.segment_value or "",
        *event[5:],
        NO_TIME_US if event.at is None else event.at,
    )


def _same(event: Alert | Coverage | DeadLetter) -> Row:
    return tuple(event)


_COMPARED = ("model_id", "model_version", "molecule_id", "assay_id", *CONTEXT_FIELDS)
_EVENT = ("version", "event_id", "revision", "retracted", "molecule_id", "assay_id")
TABLES: dict[str, Table] = {
    "predictions": Table(
        "predictions_rows",
        (
            *_EVENT,
            *CONTEXT_FIELDS,
            "model_id",
            "model_version",
            "value",
            "label",
            "probability",
            "uncertainty",
            "unit",
            "predicted_at",
            "features",
            "feature_labels",
        ),
        _prediction,
    ),
    "outcomes": Table(
        "outcomes_rows",
        (*_EVENT, *CONTEXT_FIELDS, "value", "label", "qualifier", "unit", "measured_at"),
        _outcome,
    ),
    "pairs": Table(
        "pairs_rows",
        (
            "pair_id",
            "row_version",
            "status",
            *_COMPARED,
            "unit",
            "predicted",
            "measured",
            "predicted_label",
            "measured_label",
            "probability",
            "qualifier",
            "predicted_at",
            "measured_at",
            "prediction_id",
            "outcome_id",
        ),
        _pair,
    ),
    "late": Table(
        "late_rows",
        (
            "pair_id",
            "row_version",
            "retracted",
            *_COMPARED,
            "predicted",
            "predicted_unit",
            "measured",
            "measured_unit",
            "predicted_label",
            "measured_label",
            "predicted_at",
            "measured_at",
            "prediction_id",
            "outcome_id",
        ),
        _late_pair,
    ),
    "coverage": Table("coverage_rows", Coverage._fields, _same),
    "metrics": Table("metrics_rows", (*Metric._fields, "at_us"), _metric),
    "alerts": Table("alerts_rows", Alert._fields, _same),
    "dead-letters": Table("dead_letters_rows", DeadLetter._fields, _same),
}
