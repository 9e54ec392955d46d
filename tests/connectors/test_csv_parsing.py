"""Cells of one row to one event: what is not stated, spellings, bad cells, identity."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from connectors.csv_files import parse_outcome, parse_prediction
from connectors.csv_records import Row
from schemas.errors import InvalidValueError
from schemas.events import AssayContext, Outcome, Prediction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def prediction(**cells: str) -> Prediction:
    given = {"molecule_id": "M1", "assay_id": "A1", "model_id": "m", "value": "1.5", **cells}
    return parse_prediction(Row(2, given, b""))


def outcome(**cells: str) -> Outcome:
    given = {"molecule_id": "M1", "assay_id": "A1", "value": "1.5", **cells}
    return parse_outcome(Row(2, given, b""))


def test_what_is_not_stated() -> None:
    bare = prediction(revision="", retracted=" ", model_version="", operator="  ")
    assert bare == Prediction(
        event_id=bare.event_id,
        revision=0,
        retracted=False,
        molecule_id="M1",
        assay_id="A1",
        context=AssayContext(),
        model_id="m",
        model_version="unversioned",
        value=1.5,
        features={},
    )


def test_features_are_numbers_or_texts() -> None:
    cells = {"feature:a": " 3 ", "feature:b": "x", "feature:c": "", "feature: d": "1e999"}
    assert prediction(**cells).features == {"a": 3.0, "b": "x", "d": "1e999"}


@pytest.mark.parametrize(
    ("cell", "truth"),
    [("TRUE", True), ("yes", True), ("1", True), ("False", False), ("No", False), ("0", False)],
)
def test_retracted_spellings(cell: str, truth: bool) -> None:
    assert outcome(retracted=cell).retracted is truth


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("2025-03-31", datetime(2025, 3, 31, tzinfo=UTC)),
        ("2025-03-31T14:05", datetime(2025, 3, 31, 14, 5, tzinfo=UTC)),
        ("2025-03-31 14:05:06.25Z", datetime(2025, 3, 31, 14, 5, 6, 250_000, UTC)),
        (
            "2025-03-31T14:05:06+05:30",
            datetime(2025, 3, 31, 14, 5, 6, 0, timezone(timedelta(hours=5, minutes=30))),
        ),
        ("20250331T140506Z", datetime(2025, 3, 31, 14, 5, 6, 0, UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("1969-12-31T23:59:59.999999Z", EPOCH - timedelta(microseconds=1)),
    ],
)
def test_times_are_microseconds_in_utc(cell: str, time: datetime) -> None:
    expected = (time - EPOCH) // timedelta(microseconds=1)
    assert outcome(measured_at=cell).measured_at == expected
    assert prediction(predicted_at=f" {cell} ").predicted_at == expected


@pytest.mark.parametrize(
    ("cells", "qualifier", "value"),
    [
        ({"value": ">10"}, ">", 10.0),
        ({"value": "≤ 0.5", "qualifier": ""}, "<=", 0.5),
        ({"value": "10", "qualifier": "greater than"}, ">", 10.0),
        ({"value": ">10", "qualifier": ">"}, ">", 10.0),
        ({"value": "10"}, None, 10.0),
    ],
)
def test_qualified_outcomes(cells: dict[str, str], qualifier: str | None, value: float) -> None:
    event = outcome(**cells)
    assert (event.qualifier, event.value) == (qualifier, value)


BAD_CELLS = [
    ("value", "NaN"),
    ("value", "inf"),
    ("value", "-Infinity"),
    ("value", "1e999"),
    ("value", "1e101"),
    ("value", "1,5"),
    ("value", "1_000"),
    ("value", "\u0661"),
    ("value", "n/a"),
    ("value", ""),
    ("revision", "-1"),
    ("revision", "1.5"),
    ("revision", "9007199254740992"),
    ("revision", "x"),
    ("retracted", "maybe"),
    ("molecule_id", " "),
    ("assay_id", ""),
    ("molecule_id", "a\nb"),
    ("instrument", "x" * 1_001),
    ("label", "a\tb"),
]
BAD_TIMES = ["2025-02-30", "2025-02-29", "31.03.2025", "03/31/2025", "2025-03-31T25:00", "2025"]
BAD_TIMES += ["1899-12-31", "2200-01-02", "2025-03-31x14:05", "1743429900", "9" * 60, "2025-W60-1"]


@pytest.mark.parametrize(("column", "cell"), BAD_CELLS)
def test_bad_cells_name_their_column(column: str, cell: str) -> None:
    for parse in (prediction, outcome):
        with pytest.raises(InvalidValueError) as bad:
            parse(**{column: cell})
        assert bad.value.column == column
        assert len(str(bad.value)) < 200


@pytest.mark.parametrize("cell", BAD_TIMES)
def test_times_that_do_not_exist_are_bad(cell: str) -> None:
    with pytest.raises(InvalidValueError) as bad:
        prediction(predicted_at=cell)
    assert bad.value.column == "predicted_at"
    with pytest.raises(InvalidValueError) as bad:
        outcome(measured_at=cell)
    assert bad.value.column == "measured_at"


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"model_id": ""}, "model_id"),
        ({"probability": "1.2"}, "probability"),
        ({"uncertainty": "-1"}, "uncertainty"),
        ({"value": ">10"}, "value"),
        ({"feature:f": "x" * 1_001}, "feature:f"),
    ],
)
def test_bad_cells_of_predictions_only(cells: dict[str, str], column: str) -> None:
    with pytest.raises(InvalidValueError) as bad:
        prediction(**cells)
    assert bad.value.column == column


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"value": ">10", "qualifier": "<"}, "qualifier"),
        ({"qualifier": "roughly!"}, "qualifier"),
        ({"value": ">"}, "value"),
        ({"value": "<>5"}, "qualifier"),
    ],
)
def test_bad_cells_of_outcomes_only(cells: dict[str, str], column: str) -> None:
    with pytest.raises(InvalidValueError) as bad:
        outcome(**cells)
    assert bad.value.column == column


def test_identity_follows_every_other_column_and_not_its_spelling() -> None:
    base = {"unit": "uM", "predicted_at": "2025-01-01", "operator": "ann", "feature:f": "1"}
    same = [{"unit": "\u00b5M"}, {"predicted_at": "2025-01-01T01:00+01:00"}, {"operator": " ann"}]
    same += [{"feature:f": "1.0"}, {"value": "9"}, {"label": "x"}, {"uncertainty": "2"}]
    for cells in same:
        assert prediction(**{**base, **cells}).event_id == prediction(**base).event_id, cells
    other = [{"unit": "nM"}, {"predicted_at": "2025-01-02"}, {"operator": ""}, {"feature:f": "2"}]
    other += [{"molecule_id": "M2"}, {"assay_id": "B"}, {"model_id": "n"}, {"model_version": "2"}]
    other += [{"reagent_batch": "ann", "operator": ""}, {"feature:g": "1"}, {"feature:f": ""}]
    seen = {prediction(**base).event_id} | {prediction(**{**base, **c}).event_id for c in other}
    assert len(seen) == 1 + len(other)
    assert outcome(value=">1").event_id == outcome(value="2", qualifier="<").event_id
    assert outcome().event_id != outcome(measured_at="2025-01-01").event_id
