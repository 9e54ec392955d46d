"""Records read by columns are those that fastavro reads, field by field."""

import io
from random import Random
from typing import Any

import pytest
from fastavro import schemaless_reader, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st
from test_codec import EVENTS, PREDICTION

from schemas.codec import _CLASSES, Codec, _event_in_order, as_record, current_schema, plain
from schemas.columns import TEXT_BYTES_MAX, ColumnReader
from schemas.events import AssayContext, Outcome, Pair, Prediction
from schemas.flat_writer import FlatWriter
from schemas.table import SchemaTable

CODEC = Codec(SchemaTable())
READ = ("Prediction", "Outcome", "Pair", "LatePair", "Metric")
SCHEMAS = {name: plain(current_schema(name)) for name in READ}
READERS = {name: ColumnReader(SCHEMAS[name], _CLASSES) for name in READ}


def by_fastavro(name: str, record: bytes) -> Any:
    """The event of a record, None when there is none or bytes are left over."""
    data = io.BytesIO(record)
    try:
        found = schemaless_reader(data, SCHEMAS[name], None)
        event = _event_in_order(name, found)  # type: ignore[arg-type]
    except Exception:
        return None
    return event if data.tell() == len(record) else None


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_what_fastavro_reads(name: str) -> None:
    @settings(max_examples=40, deadline=None)
    @given(st.lists(EVENTS[name], min_size=1, max_size=12))
    def same(events: list[Any]) -> None:
        records = [CODEC.encode_body(event) for event in events]
        for event, found in zip(events, READERS[name].read(records), strict=True):
            assert found is None or found == event
            assert found is None or type(found) is type(event)

    same()


def test_plain_records_are_all_read() -> None:
    outcome = Outcome("o1", 3, False, "CCO", "logP", AssayContext("L1", None, "ann"), -1.5)
    pairs = [
        Pair(f"{i:032}", i << 20, "paired", None, 1.5, None, PREDICTION, outcome)
        for i in range(100)
    ]
    assert READERS["Pair"].read([b"head" + CODEC.encode_body(p) for p in pairs], 4) == pairs


def test_features_are_read() -> None:
    event = PREDICTION._replace(features={"logp": 1.5, "scaffold": "benzene"})
    records = [CODEC.encode_body(event), CODEC.encode_body(PREDICTION)]
    assert READERS["Prediction"].read(records) == [event, PREDICTION]


@pytest.mark.parametrize(
    "text", ["", " blank first", "µ", "tab\t", "\x7f", "x" * (TEXT_BYTES_MAX + 1)]
)
def test_a_text_that_is_not_plain_is_left_to_fastavro(text: str) -> None:
    plain_one, other = PREDICTION._replace(label="x" * TEXT_BYTES_MAX), PREDICTION
    other = other._replace(label=text)
    records = [CODEC.encode_body(plain_one), CODEC.encode_body(other)]
    assert READERS["Prediction"].read(records) == [plain_one, None]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", ["Prediction", "Outcome", "Pair"])
def test_damaged_records_are_never_read_otherwise_than_by_fastavro(name: str, seed: int) -> None:
    random = Random(f"{name} {seed}")
    outcome = Outcome("o1", 3, False, "CCO", "logP", AssayContext("L1"), -1.5, unit="uM")
    whole = {
        "Prediction": PREDICTION,
        "Outcome": outcome,
        "Pair": Pair("1f" * 16, 9, "paired", "uM", 1.5, 2.5, PREDICTION, outcome),
    }[name]
    records = [_damaged(CODEC.encode_body(whole), random) for _ in range(400)]
    # Not == : NaN is read, too.
    for record, found in zip(records, READERS[name].read(records), strict=True):
        assert found is None or repr(found) == repr(by_fastavro(name, record))


def _damaged(record: bytes, random: Random) -> bytes:
    damaged = bytearray(record)
    for _ in range(random.randrange(4)):
        kind, place = random.randrange(3), random.randrange(len(damaged) + 1)
        if kind == 0 and place < len(damaged):
            damaged[place] = random.randrange(256)
        elif kind == 1:
            del damaged[place:]
        else:
            damaged.insert(place, random.randrange(256))
    return bytes(damaged)


def test_bytes_of_one_record_do_not_count_for_the_next() -> None:
    record = CODEC.encode_body(PREDICTION)
    assert READERS["Prediction"].read([record + b"\0", record[:-1], record]) == [
        None,
        None,
        PREDICTION,
    ]


def test_a_schema_with_other_types_is_refused() -> None:
    with pytest.raises(KeyError):
        ColumnReader(plain(current_schema("DeadLetter")), _CLASSES)


@settings(max_examples=200, deadline=None)
@given(EVENTS["Metric"])
def test_a_flat_record_is_written_as_fastavro_writes_it(event: Any) -> None:
    out = io.BytesIO()
    schemaless_writer(out, SCHEMAS["Metric"], as_record(event))
    assert FlatWriter(SCHEMAS["Metric"]).write(event) == out.getvalue()


def test_reading_asks_for_no_id_to_write_with() -> None:
    class ReadOnlyIds(SchemaTable):
        def id_of(self, name: str) -> int:
            raise AssertionError(f"{name} would be registered")

    payloads = [CODEC.encode(PREDICTION)] * 50
    found = Codec(ReadOnlyIds()).decode_plain([*payloads, b"rubbish"], Prediction)
    assert found == [PREDICTION] * 50 + [None]
