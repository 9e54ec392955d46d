"""Every rule of validation, each with what is just allowed and what is just not."""

from typing import Any

import pytest

from processors.join import Join
from processors.store import MemoryStore
from schemas.codec import Codec
from schemas.errors import InvalidValueError
from schemas.events import CONTEXT_FIELDS, AssayContext, Outcome, Prediction
from schemas.table import SchemaTable
from schemas.validation import EVENT_BYTES_MAX, QUALIFIERS, check_event
from streams.lane_store import RECORD_BYTES_MAX

PREDICTION = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.0)
OUTCOME = Outcome("o", 0, False, "m", "a", AssayContext(), 1.0)
LONG = "x" * 1_000
FIRST_US, LAST_US = -2_208_988_800_000_000, 7_258_118_400_000_000

PREDICTIONS_ALLOWED: list[dict[str, Any]] = [
    {"event_id": LONG},
    {"molecule_id": "caf\u00e9 \U0001f9ea"},
    {"revision": 2**53 - 1},
    {"context": AssayContext("L1", LONG)},
    {"value": 1e100},
    {"value": -1e100},
    {"value": None, "label": "hit"},
    {"value": None, "probability": 0.0},
    {"probability": 1.0},
    {"uncertainty": 0.0},
    {"predicted_at": FIRST_US},
    {"predicted_at": LAST_US},
    {"value": None, "retracted": True},
    {"features": {f"f{i}": 1.0 for i in range(500)}},
    {"features": {"f": ""}},
]
PREDICTIONS_REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("event_id", {"event_id": ""}),
    ("event_id", {"event_id": " \u00a0 "}),
    ("molecule_id", {"molecule_id": ""}),
    ("assay_id", {"assay_id": ""}),
    ("model_id", {"model_id": " "}),
    ("molecule_id", {"molecule_id": LONG + "x"}),
    ("molecule_id", {"molecule_id": "a\x1fb"}),
    ("assay_id", {"assay_id": "a\x00"}),
    ("assay_id", {"assay_id": "a\x7f"}),
    ("model_id", {"model_id": "a\ud800"}),
    ("model_version", {"model_version": "1\n"}),
    ("label", {"label": "a\tb"}),
    ("unit", {"unit": "n\x1fM"}),
    ("revision", {"revision": -1}),
    ("revision", {"revision": 2**53}),
    ("value", {"value": float("nan")}),
    ("value", {"value": float("inf")}),
    ("value", {"value": -1.1e100}),
    ("value", {"value": None}),
    ("probability", {"probability": -1e-9}),
    ("probability", {"probability": 1.0000001}),
    ("probability", {"probability": float("nan")}),
    ("uncertainty", {"uncertainty": -0.1}),
    ("predicted_at", {"predicted_at": FIRST_US - 1}),
    ("predicted_at", {"predicted_at": LAST_US + 1}),
    ("features", {"features": {f"f{i}": 1.0 for i in range(501)}}),
    ("feature: ", {"features": {" ": 1.0}}),
    ("feature:f", {"features": {"f": float("inf")}}),
    ("feature:f", {"features": {"f": "a\x00"}}),
    ("feature:f", {"features": {"f": LONG + "x"}}),
]


@pytest.mark.parametrize("change", PREDICTIONS_ALLOWED, ids=lambda c: str(c)[:40])
def test_a_prediction_may_hold(change: dict[str, Any]) -> None:
    check_event(PREDICTION._replace(**change))


@pytest.mark.parametrize(("column", "change"), PREDICTIONS_REFUSED, ids=lambda c: ascii(c)[:40])
def test_a_prediction_must_not_hold(column: str, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError) as refused:
        check_event(PREDICTION._replace(**change))
    assert refused.value.column == column


@pytest.mark.parametrize("field", CONTEXT_FIELDS)
def test_a_context_names_its_field(field: str) -> None:
    for text in ("a\x1fb", LONG + "x"):
        with pytest.raises(InvalidValueError) as refused:
            check_event(OUTCOME._replace(context=AssayContext(**{field: text})))
        assert refused.value.column == field


@pytest.mark.parametrize("qualifier", [None, *QUALIFIERS])
def test_an_outcome_may_be_qualified(qualifier: str | None) -> None:
    check_event(OUTCOME._replace(qualifier=qualifier))


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("qualifier", {"qualifier": "≤"}),
        ("qualifier", {"qualifier": ""}),
        ("value", {"value": None}),
        ("value", {"value": float("nan")}),
        ("measured_at", {"measured_at": LAST_US + 1}),
        ("event_id", {"event_id": ""}),
        ("label", {"label": LONG + "x"}),
        ("revision", {"revision": -1}),
    ],
)
def test_an_outcome_must_not_hold(column: str, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError) as refused:
        check_event(OUTCOME._replace(**change))
    assert refused.value.column == column


def test_an_outcome_may_be_a_label_or_retracted() -> None:
    check_event(OUTCOME._replace(value=None, label="hit"))
    check_event(OUTCOME._replace(value=None, retracted=True))


def test_what_is_allowed_fits_into_a_state_record() -> None:
    wide = "\U0001f9ea" * 1_000
    prediction = PREDICTION._replace(
        event_id=wide,
        molecule_id=wide,
        assay_id=wide,
        features={f"{i:02}" + "f" * 900: "y" * 900 for i in range(26)},
    )
    encoded = Codec(SchemaTable()).encode(prediction)
    assert len(encoded) <= EVENT_BYTES_MAX
    try:
        check_event(prediction)
    except InvalidValueError:
        return  # refused in time: a lane's store takes no larger record and would end the worker
    store = MemoryStore()
    Join(Codec(SchemaTable())).process(prediction, 1, store)
    sizes = [len(key) + len(value) for key, value in store.scan(b"")]
    assert max(sizes) <= RECORD_BYTES_MAX
