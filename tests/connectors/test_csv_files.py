"""CSV rows to predictions and outcomes and back, identities, and what is refused."""

import csv
import io
import logging
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.csv_files import (
    PAYLOAD_BYTES_MAX,
    read_outcomes,
    read_predictions,
)
from schemas.errors import SettingsError
from schemas.events import AssayContext, DeadLetter, Outcome, Prediction
from schemas.topics import digest
from schemas.validation import LABEL_BYTES_MAX, QUALIFIERS, TIME_MAX_US, TIME_MIN_US

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

texts = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), include_characters='",;'), min_size=1
).filter(lambda t: t == unicodedata.normalize("NFC", t).strip() and 0 < len(t) <= 1_000)
numbers = st.floats(-1e100, 1e100)
times = st.integers(TIME_MIN_US, TIME_MAX_US)
contexts = st.builds(AssayContext, *[st.none() | texts] * 4)
feature_values = numbers | texts.filter(lambda t: not _is_number(t))
events = {
    "event_id": texts,
    "revision": st.integers(0, 2**53 - 1),
    "retracted": st.booleans(),
    "molecule_id": texts,
    "assay_id": texts,
    "context": contexts,
    "label": st.none() | texts.filter(lambda t: len(t.encode()) <= LABEL_BYTES_MAX),
    "value": numbers,
    # Spellings of known units become one; these are known already or in no table.
    "unit": st.sampled_from([None, "uM", "kcal/mol", "%", "furlong"]),
}
predictions = st.builds(
    Prediction,
    **events,
    model_id=texts,
    model_version=texts,
    probability=st.none() | st.floats(0, 1),
    uncertainty=st.none() | st.floats(0, 1e100),
    predicted_at=st.none() | times,
    features=st.dictionaries(st.sampled_from(["logp", "scaffold", "é, 2"]), feature_values),
)
outcomes = st.builds(
    Outcome,
    **events,
    qualifier=st.sampled_from([None, *QUALIFIERS]),
    measured_at=st.none() | times,
)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def cells_of(event: Prediction | Outcome) -> dict[str, object]:
    cells = {**event._asdict(), **event.context._asdict()}
    del cells["context"]
    for name, value in cells.pop("features", {}).items():
        cells[f"feature:{name}"] = value
    for name in ("predicted_at", "measured_at"):
        if cells.get(name) is not None:
            cells[name] = (EPOCH + timedelta(microseconds=cells[name])).isoformat()
    return cells


def csv_of(rows: list[dict[str, object]]) -> io.BytesIO:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(text.getvalue().encode())


@settings(max_examples=60, deadline=None)
@given(st.lists(predictions, min_size=1, max_size=4))
def test_predictions_come_back_as_they_were_written(written: list[Prediction]) -> None:
    assert list(read_predictions(csv_of([cells_of(e) for e in written]))) == written


@settings(max_examples=60, deadline=None)
@given(st.lists(outcomes, min_size=1, max_size=4))
def test_outcomes_come_back_as_they_were_written(written: list[Outcome]) -> None:
    assert list(read_outcomes(csv_of([cells_of(e) for e in written]))) == written


HEADER = b"molecule_id,assay_id,model_id,value,predicted_at\n"


def test_bad_rows_become_dead_letters_in_their_place(tmp_path: Path) -> None:
    path = tmp_path / "P.csv"
    path.write_bytes(
        HEADER
        + b"M1,A,m,1,2025-01-01\nM2,A,m,NaN,2025-01-01\nM3,A,m\nM4,A,m,\xff,\nM5,A,m,5,2025-02-30\n"
        + b"M6,A,m,6,\n"
    )
    read = list(read_predictions(path))
    assert [isinstance(event, DeadLetter) for event in read] == [0, 1, 1, 1, 1, 0]
    letters = [event for event in read if isinstance(event, DeadLetter)]
    assert [(x.position, x.column, x.error) for x in letters] == [
        (3, "value", "InvalidValueError"),
        (4, None, "MalformedRecordError"),
        (5, "value", "MalformedRecordError"),
        (6, "predicted_at", "InvalidValueError"),
    ]
    assert letters[0] == DeadLetter(
        dead_letter_id=digest("P.csv", "3", "M2,A,m,NaN,2025-01-01\n"),
        origin="P.csv",
        partition=None,
        position=3,
        column="value",
        schema_id=None,
        error="InvalidValueError",
        reason="value is NaN, not a finite number",
        key=None,
        payload=b"M2,A,m,NaN,2025-01-01\n",
    )
    assert letters[2].payload == b"M4,A,m,\xff,\n"
    assert read == list(read_predictions(path))


def test_the_payload_of_a_dead_letter_is_bounded() -> None:
    file = io.BytesIO(HEADER + b"M" * 3_000_000 + b"\n")
    (letter,) = read_predictions(file)
    assert isinstance(letter, DeadLetter)
    assert letter.payload == b"M" * PAYLOAD_BYTES_MAX


def ids(content: bytes) -> list[tuple[str, int]]:
    return [
        (event.event_id, event.revision)
        for event in read_predictions(io.BytesIO(content))
        if isinstance(event, Prediction)
    ]


def test_sending_a_file_twice_changes_no_identity_and_replicates_stay_apart() -> None:
    content = HEADER + b"M1,A,m,1,2025-01-01\nM1,A,m,2,2025-01-01\nM1,A,m,2,2025-01-01\n"
    assert ids(content) == ids(content)
    assert len(set(ids(content))) == 3


def test_a_later_revision_replaces_the_same_replicate_whatever_its_value() -> None:
    header = HEADER.replace(b"\n", b",revision,retracted,probability,uncertainty,label\n")
    first = b"M1,A,m,1,2025-01-01,0,,,,\nM1,A,m,2,2025-01-01,0,,,,\n"
    second = b"M1,A,m,7,2025-01-01T00:00Z,1,no,0.5,2,x\nM1,A,m,,2025-01-01,1,yes,,,\n"
    a, b = [event_id for event_id, _ in ids(header + first)]
    assert ids(header + first + second) == [(a, 0), (b, 0), (a, 1), (b, 1)]
    assert ids(header + second) == [(a, 1), (b, 1)]


def test_mending_a_bad_value_leaves_the_other_replicates_identities_alone() -> None:
    bad = ids(HEADER + b"M1,A,m,oops,2025-01-01\nM1,A,m,2,2025-01-01\n")
    mended = ids(HEADER + b"M1,A,m,1,2025-01-01\nM1,A,m,2,2025-01-01\n")
    assert bad == mended[1:]


def test_values_are_those_that_pandas_reads(tmp_path: Path) -> None:
    path = tmp_path / "O.csv"
    frame = pd.DataFrame(
        {
            "molecule_id": [f"CHEMBL{i}" for i in range(500)],
            "assay_id": ['the "big" assay, 2'] * 500,
            "operator": [None if i % 3 else "Zoë" for i in range(500)],
            "value": [(-1) ** i * 1.1**i / 7 for i in range(500)],
            "measured_at": pd.date_range("2024-02-27 11:59", periods=500, freq="1313min", tz="UTC"),
        }
    )
    frame.to_csv(path, index=False)
    oracle = pd.read_csv(path, parse_dates=["measured_at"])
    read = [event for event in read_outcomes(path) if isinstance(event, Outcome)]
    assert [e.value for e in read] == oracle["value"].tolist()
    assert [e.molecule_id for e in read] == oracle["molecule_id"].tolist()
    assert {e.assay_id for e in read} == set(oracle["assay_id"])
    assert [e.context.operator for e in read] == [
        None if pd.isna(o) else o for o in oracle["operator"]
    ]
    assert [e.measured_at for e in read] == [
        time.value // 1_000 for time in oracle["measured_at"].dt.as_unit("ns")
    ]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (b"assay_id,model_id,value", ["molecule_id"]),
        (b"molecule_id,value", ["assay_id", "model_id"]),
        (b"molecule_id,assay_id,model_id", ["value or label or probability"]),
        (b"Molecule ID,assay_id,model_id,value", ["did you mean molecule_id?"]),
    ],
)
def test_missing_columns_refuse_the_file(header: bytes, names: list[str]) -> None:
    with pytest.raises(SettingsError, match="lacks the columns") as refused:
        read_predictions(io.BytesIO(header + b"\n1,2,3,4\n"))
    for name in [*names, "feature:NAME", "predicted_at"]:
        assert name in str(refused.value)


def test_outcomes_need_a_value_or_a_label() -> None:
    with pytest.raises(SettingsError, match="value or label;"):
        read_outcomes(io.BytesIO(b"molecule_id,assay_id,probability\n"))
    assert list(read_outcomes(io.BytesIO(b"molecule_id,assay_id,label\n"))) == []


def test_unknown_columns_are_named_once_with_near_misses(caplog: pytest.LogCaptureFixture) -> None:
    content = b"molecule_id,assay_id,value,measured_on,Plate,feature:x,\nM,A,1,2025,P7,3,\n"
    with caplog.at_level(logging.WARNING):
        (event,) = read_outcomes(io.BytesIO(content))
    assert isinstance(event, Outcome)
    assert event.measured_at is None
    (warning,) = caplog.messages
    assert "measured_on (did you mean measured_at?), Plate, feature:x, (no name)" in warning
