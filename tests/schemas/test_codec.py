"""The codec: what goes in comes out, and what is wrong with bytes is said as the data's fault."""

import copy
import io
from typing import Any

import pytest
from fastavro import schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import (
    HEADER_BYTES,
    Codec,
    Schema,
    as_record,
    current_schema,
    plain,
    schema_id_of,
)
from schemas.errors import DataError, MalformedRecordError, UnknownSchemaError
from schemas.events import (
    EVENT_TYPES,
    Alert,
    AlertCommand,
    AssayContext,
    Coverage,
    DeadLetter,
    Event,
    FactorEffect,
    LatePair,
    Metric,
    Outcome,
    Pair,
    Prediction,
    Tick,
)
from schemas.table import SchemaTable, published, unmarked

CODEC = Codec(SchemaTable())

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
maybe_text = st.none() | text
texts = st.lists(text, max_size=3).map(tuple)
number = st.floats(allow_nan=False)
maybe_number = st.none() | number
long = st.integers(-(2**63), 2**63 - 1)
maybe_long = st.none() | long
context = st.builds(AssayContext, *[maybe_text] * 4)
predictions = st.builds(
    Prediction,
    *(text, long, st.booleans(), text, text, context, text, text),
    *(maybe_number, maybe_text, maybe_number, maybe_number, maybe_text, maybe_long),
    st.dictionaries(text, number | text, max_size=4),
)
outcomes = st.builds(
    Outcome,
    *(text, long, st.booleans(), text, text, context),
    *(maybe_number, maybe_text, maybe_text, maybe_text, maybe_long),
)
pairs = st.builds(
    Pair, text, long, text, maybe_text, maybe_number, maybe_number, predictions, outcomes
)
ints = st.integers(0, 2**31 - 1)
late_pairs = st.builds(LatePair, text, long, st.booleans(), predictions, outcomes)
coverages = st.builds(Coverage, text, text, text, ints, long, long, long, long)
ticks = st.builds(Tick, ints, long)
metrics = st.builds(
    Metric,
    *(text, text, text, maybe_text, maybe_text, text, text),
    *(maybe_number, maybe_number, maybe_number, long, maybe_long, long),
)
effects = st.lists(
    st.builds(FactorEffect, text, text, st.booleans(), *[maybe_number] * 3, long, number, texts),
    max_size=2,
).map(tuple)
alerts = st.builds(
    Alert,
    *(text, long, text, text, text, text, maybe_text, maybe_text, text),
    *(maybe_long, maybe_long, maybe_number, maybe_number, long, text),
    *(text, text, *[maybe_number] * 5, texts, maybe_text, long, texts),
    *(maybe_text, maybe_text, maybe_text, maybe_long, effects),
)
commands = st.builds(
    AlertCommand,
    *(text, text, maybe_text, maybe_text, text, maybe_text, maybe_text),
    *(maybe_long, maybe_long, text, text, long, ints),
)
dead_letters = st.builds(
    DeadLetter,
    *(text, text, st.none() | st.integers(0, 2**31 - 1), long, maybe_text),
    *(st.none() | st.integers(0, 2**31 - 1), text, text),
    *(st.none() | st.binary(max_size=9), st.binary(max_size=9)),
)
EVENTS: dict[str, st.SearchStrategy[Any]] = {
    "Prediction": predictions,
    "Outcome": outcomes,
    "Pair": pairs,
    "LatePair": late_pairs,
    "Coverage": coverages,
    "Tick": ticks,
    "Metric": metrics,
    "Alert": alerts,
    "AlertCommand": commands,
    "DeadLetter": dead_letters,
}

FEATURES: dict[str, float | str] = {"mw": 46.07, "ring": "no"}
PREDICTION = Prediction(
    *("p1", 3, False, "CCO", "logP", AssayContext("L1", None, "ann", None), "net", "1.0"),
    *(1.5, "hit", 0.75, 0.1, "nM", 1_700_000_000_000_000, FEATURES),
)


class FixedIds:
    """Writer schemas as a registry of another lab may hold them."""

    def __init__(self, schemas: dict[int, Any]) -> None:
        self._schemas = schemas

    def id_of(self, name: str) -> int:
        return next(i for i, schema in self._schemas.items() if schema["name"].endswith(name))

    def writer_of(self, schema_id: int) -> Schema:
        schema: Schema = self._schemas[schema_id]
        return schema


def test_every_event_has_a_strategy() -> None:
    assert set(EVENTS) == set(EVENT_TYPES)


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_comes_back_as_it_was(name: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(EVENTS[name])
    def round_trip(event: Event) -> None:
        found = CODEC.decode(CODEC.encode(event), EVENT_TYPES[name])
        assert found == event
        assert type(found) is type(event)

    round_trip()


def test_nested_events_come_back_as_their_types() -> None:
    outcome = Outcome("o1", 0, False, "CCO", "logP", AssayContext("L1"), 1.0)
    pair = Pair("ab", 1, "paired", None, 1.5, 1.0, PREDICTION, outcome)
    found = CODEC.decode(CODEC.encode(pair), Pair)
    assert isinstance(found.prediction, Prediction)
    assert isinstance(found.outcome.context, AssayContext)


def test_a_message_starts_with_a_zero_byte_and_the_id_in_big_endian() -> None:
    # https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/
    codec = Codec(FixedIds({0x01020304: unmarked(current_schema("Prediction"))}))
    payload = codec.encode(PREDICTION)
    assert payload[:HEADER_BYTES] == b"\x00\x01\x02\x03\x04"
    assert schema_id_of(payload) == 0x01020304
    assert codec.decode(payload, Prediction) == PREDICTION


def test_avro_bytes_by_hand() -> None:
    # Avro 1.11 specification: zig-zag longs, a length before text, the branch before a union.
    outcome = Outcome("ab", 3, True, "c", "", AssayContext(), None, None, "<", None, -1)
    by_hand = b"\x04ab" + b"\x06" + b"\x01" + b"\x02c" + b"\x00" + b"\x00" * 4
    by_hand += b"\x00" + b"\x00" + b"\x02\x02<" + b"\x00" + b"\x02\x01"
    assert CODEC.encode_body(outcome) == by_hand


def test_no_id_in_a_short_or_foreign_message() -> None:
    assert schema_id_of(None) is None
    assert schema_id_of(b"\0\0\0\1") is None
    assert schema_id_of(b"{\0\0\0\1") is None


def test_an_unknown_id_is_the_datas_fault() -> None:
    with pytest.raises(UnknownSchemaError):
        CODEC.decode(b"\0" + (10**6).to_bytes(4, "big") + b"x", Prediction)


def test_an_id_of_another_event_is_refused() -> None:
    with pytest.raises(MalformedRecordError, match="Prediction"):
        CODEC.decode(CODEC.encode(PREDICTION), Outcome)


@pytest.mark.parametrize("payload", [None, b"", b"\0", b"\0\0\0\0", b'{"value": 1}', b"\1\0\0\0\1"])
def test_what_is_no_confluent_message_is_malformed(payload: bytes | None) -> None:
    with pytest.raises(MalformedRecordError):
        CODEC.decode(payload, Prediction)


def test_a_message_cut_anywhere_is_malformed() -> None:
    payload = CODEC.encode(PREDICTION)
    for size in range(len(payload)):
        with pytest.raises(MalformedRecordError):
            CODEC.decode(payload[:size], Prediction)


@pytest.mark.parametrize("more", [b"\0", b"more"])
def test_bytes_left_over_are_malformed(more: bytes) -> None:
    with pytest.raises(MalformedRecordError, match="left over"):
        CODEC.decode(CODEC.encode(PREDICTION) + more, Prediction)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(EVENT_TYPES)), st.binary(max_size=80))
def test_any_bytes_are_an_event_or_the_datas_fault(name: str, body: bytes) -> None:
    try:
        event = CODEC.decode(CODEC.header(name) + body, EVENT_TYPES[name])
    except DataError:
        return
    assert type(event) is EVENT_TYPES[name]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_one_changed_byte_is_an_event_or_the_datas_fault(data: st.DataObject) -> None:
    payload = bytearray(CODEC.encode(PREDICTION))
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        CODEC.decode(bytes(payload), Prediction)
    except DataError:
        return


# What a registry can hold under an id that a producer states by mistake: the schema of a text key,
# a JSON schema, a union, a type that Avro does not know.
FOREIGN: dict[str, Any] = {
    "text": "string",
    "union": ["null", "string"],
    "json schema": {"$schema": "https://json-schema.org/draft-07", "type": "object"},
    "unknown type": {"type": "nonsense", "name": "q"},
    "map": {"type": "map", "values": "string"},
    "another record": {"type": "record", "name": "lab.Well", "fields": []},
    "no type": {},
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_schema_behind_an_id_is_the_datas_fault(kind: str) -> None:
    with pytest.raises(DataError):
        Codec(FixedIds({7: FOREIGN[kind]})).decode(b"\0\0\0\0\7abc", Prediction)


def test_the_order_in_which_features_were_filled_in_leaves_no_trace() -> None:
    one = PREDICTION._replace(features={"a": 1.0, "b": "x", "c": 2.0})
    other = PREDICTION._replace(features={"c": 2.0, "b": "x", "a": 1.0})
    assert CODEC.encode(one) == CODEC.encode(other)
    outcome = Outcome("o1", 0, False, "CCO", "logP", AssayContext(), 1.0)
    sides = [Pair("ab", 1, "paired", None, 1.5, 1.0, p, outcome) for p in (one, other)]
    assert CODEC.encode(sides[0]) == CODEC.encode(sides[1])


def test_encoding_leaves_the_event_as_it_was() -> None:
    features: dict[str, float | str] = {"b": 1.0, "a": 2.0}
    CODEC.encode(PREDICTION._replace(features=features))
    assert list(features) == ["b", "a"]


def test_a_field_an_older_schema_lacks_is_read_as_its_default() -> None:
    older = copy.deepcopy(unmarked(current_schema("Prediction")))
    lacking: dict[str, Any] = {
        "features": {},
        "uncertainty": None,
        "revision": 0,
        "retracted": False,
    }
    older["fields"] = [field for field in older["fields"] if field["name"] not in lacking]
    codec = Codec(FixedIds({1: older, 2: unmarked(current_schema("Prediction"))}))
    now = codec.encode(PREDICTION._replace(revision=0, uncertainty=None, features={}))
    assert now[:HEADER_BYTES] == b"\0\0\0\0\1"
    by_hand = b"\x04p1\x06CCO\x08logP" + b"\x02\x04L1\x00\x02\x06ann\x00" + b"\x06net\x061.0"
    rest = now[now.index(b"\x061.0") + 4 :]
    # Branch and 8 bytes of value; label "hit"; branch and 8 bytes of probability; then uncertainty.
    value, after = rest[: 9 + 5 + 9], rest[9 + 5 + 9 + 1 :]
    found = codec.decode(b"\0\0\0\0\1" + by_hand + value + after[:-1], Prediction)
    assert found == PREDICTION._replace(**lacking)


def test_a_field_a_newer_schema_adds_is_passed_over() -> None:
    newer = copy.deepcopy(unmarked(current_schema("Outcome")))
    newer["fields"].insert(0, {"name": "plate", "type": "string"})
    codec = Codec(FixedIds({9: newer}))
    outcome = Outcome("o1", 0, False, "CCO", "logP", AssayContext(), 1.0)
    body = b"\x04P7" + CODEC.encode_body(outcome)
    assert codec.decode(b"\0\0\0\0\x09" + body, Outcome) == outcome


def test_every_published_id_is_decoded() -> None:
    for schema_id, schema in published().items():
        name = str(schema["name"]).rpartition(".")[2]
        assert name in EVENT_TYPES
        with pytest.raises(MalformedRecordError):
            CODEC.decode(b"\0" + schema_id.to_bytes(4, "big"), EVENT_TYPES[name])


def test_a_dead_letter_holds_every_schema_id_a_message_can_claim() -> None:
    # The id in a message is four bytes without a sign; a dead letter's has one, and no registry
    # gives ids beyond it.
    assert schema_id_of(b"\0\x7f\xff\xff\xff") == 2**31 - 1
    claimed = schema_id_of(b"\0\xff\xff\xff\xffrubbish")
    assert claimed is None
    letter = DeadLetter("d", "t", 0, 1, None, claimed, "E", "r", None, b"\0\xff\xff\xff\xffrubbish")
    found = CODEC.decode(CODEC.encode(letter), DeadLetter)
    assert found.payload == letter.payload


@pytest.mark.parametrize("name", ["Pair", "LatePair"])
def test_records_put_together_are_those_that_are_written_whole(name: str) -> None:
    """Avro's record of a pair is its own fields and then the two records it holds."""

    @settings(max_examples=60, deadline=None)
    @given(EVENTS[name])
    def equal(event: Any) -> None:
        whole = io.BytesIO()
        schemaless_writer(whole, plain(current_schema(name)), as_record(event))
        assert CODEC.encode_body(event) == whole.getvalue()

    equal()


def test_an_event_goes_out_as_it_came_in() -> None:
    """Features in the sender's order: the lane keeps the bytes and does not write them again."""
    unsorted = PREDICTION._replace(features={"b": 1.0, "a": 2.0})
    out = io.BytesIO()
    record = as_record(unsorted) | {"features": unsorted.features}
    schemaless_writer(out, plain(current_schema("Prediction")), record)
    payload = CODEC.header("Prediction") + out.getvalue()
    event = CODEC.decode(payload, Prediction)
    assert CODEC.encode(event) == payload
    assert CODEC.decode(CODEC.encode(event._replace(revision=9)), Prediction).revision == 9
