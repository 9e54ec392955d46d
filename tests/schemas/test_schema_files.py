"""The `.avsc` files: the same as the event types, published, never changed, readable both ways."""

import copy
import hashlib
import io
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

import pytest
from fastavro import schemaless_reader, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import NAMESPACE, current_schema, plain
from schemas.events import EVENT_TYPES, AssayContext, Event
from schemas.table import SchemaTable, published, unmarked

# Of the canonical JSON of each id. A line is added with every publication and none ever changes:
# topics keep records that were written with these schemas.
FINGERPRINTS = {
    1: "792e2fd052f869c33a27af91cef7e149b0ce6c721dd131e5db59b7c5eb17268f",
    2: "66d4bb4e1070512917ac6966fdbd1af25404beb75e6c30d137be06272ac78772",
    3: "82cce0adb2d3b241128a0b21d175f71248215d4a318c0831fc4cba348fccd270",
    4: "31e2f68eb06ba7a79e5a02666a590169a5419c60a1818d16b9ae33a6c70aacf6",
    5: "58f2b6cb180bb73a14e7e0676c6887fd5e377cd986c571650dc266a97abe6881",
    6: "0b48c1bbc8b5fdd51ef21a1d2949a95a88f74d1124348dac7e8db2e319970499",
    7: "da5e1c938f805cb381f3294edce829caf31ec52b82f472fdde15861f0be564ba",
    8: "a60c95b8f2439d51f6c7fe47ee2ad7886ce3b893685f5181f9945baa91762500",
    9: "dc85212fb21d09f2289fa646c5aab5a9c6a34be414e70ce3d74558d3e3301d37",
    10: "517950f95014a75d24899497f28b75429d742ae7ea8970ec7f680040485b1189",
    11: "0d2e6b86a2a69ecd3a481ea8f98f8f75f6240cf297d317985f3b5444c81f3e3f",
    12: "2460616bcf20007040078a9cc42c8d5137f22d317ffe00968e0597336d5f0051",
}

PLAIN_TYPES = {str: "string", int: "long", float: "double", bool: "boolean", bytes: "bytes"}


def short(name: object) -> str:
    return str(name).removeprefix(f"{NAMESPACE}.")


def described(annotation: Any) -> Any:
    """Return an annotation as the Avro type that holds it; times and 4-byte ints are longs here."""
    if typing.get_origin(annotation) is types.UnionType:
        parts = typing.get_args(annotation)
        named = [described(part) for part in parts if part is not type(None)]
        return ["null", *named] if type(None) in parts else named
    if typing.get_origin(annotation) in (dict, Mapping):
        return {"type": "map", "values": described(typing.get_args(annotation)[1])}
    if typing.get_origin(annotation) is tuple:
        return {"type": "array", "items": described(typing.get_args(annotation)[0])}
    return PLAIN_TYPES.get(annotation, annotation.__name__)


def reduced(schema: Any) -> Any:
    """Return an Avro type without its times, documentation and widths."""
    if isinstance(schema, list):
        return [reduced(part) for part in schema]
    if isinstance(schema, dict):
        if schema["type"] == "record":
            return short(schema["name"])
        if schema["type"] == "map":
            return {"type": "map", "values": reduced(schema["values"])}
        if schema["type"] == "array":
            return {"type": "array", "items": reduced(schema["items"])}
        return reduced(schema["type"])
    return "long" if schema == "int" else short(schema)


def of_file(name: str) -> list[tuple[str, Any]]:
    return [(field["name"], reduced(field["type"])) for field in fields_of(name)]


def fields_of(name: str) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = current_schema(name)["fields"]
    return fields


@pytest.mark.parametrize(
    "event_type", [AssayContext, *EVENT_TYPES.values()], ids=lambda t: t.__name__
)
def test_an_event_type_is_its_file_field_for_field(event_type: Any) -> None:
    hints = typing.get_type_hints(event_type)
    of_type = [(name, described(hints[name])) for name in event_type._fields]
    assert of_type == of_file(event_type.__name__)


@pytest.mark.parametrize(
    "event_type", [AssayContext, *EVENT_TYPES.values()], ids=lambda t: t.__name__
)
def test_defaults_of_a_type_are_those_of_its_file(event_type: Any) -> None:
    in_file = {f["name"]: f["default"] for f in fields_of(event_type.__name__) if "default" in f}
    for name, default in event_type._field_defaults.items():
        assert in_file[name] == (list(default) if isinstance(default, tuple) else default), name


def test_times_are_microseconds_in_every_file() -> None:
    times = {"predicted_at", "measured_at", "at", "since", "detected_at"}
    times |= {"muted_until", "starts_at", "ends_at"}
    for name in EVENT_TYPES:
        for field in fields_of(name):
            if field["name"] in times:
                time = {"type": "long", "logicalType": "timestamp-micros"}
                assert field["type"] in (["null", time], time)


def test_every_current_schema_is_published() -> None:
    table = SchemaTable()
    for name in EVENT_TYPES:
        newest = published()[table.id_of(name)]
        assert newest == unmarked(current_schema(name)), (
            f"the schema of {name} has changed since id {table.id_of(name)}: "
            "run `python -m schemas.table`, then add its fingerprint to this test"
        )


def fingerprint(schema: Any) -> str:
    text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def test_published_schemas_never_change() -> None:
    assert {i: fingerprint(schema) for i, schema in published().items()} == FINGERPRINTS


def test_the_newest_id_of_an_event_is_its_highest() -> None:
    for name in EVENT_TYPES:
        ids = [i for i, schema in published().items() if short(schema["name"]) == name]
        assert SchemaTable().id_of(name) == max(ids)


PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "bytes": st.binary(max_size=5),
    "string": st.text(max_size=5),
}


def datum(
    schema: Any, named: dict[str, st.SearchStrategy[Any]] | None = None
) -> st.SearchStrategy[Any]:
    """Return generated data of a schema; `named` holds the records met so far by their names."""
    named = {} if named is None else named
    if isinstance(schema, list):
        return st.one_of([datum(part, named) for part in schema])
    if isinstance(schema, dict):
        if schema["type"] == "record":
            fields = {f["name"]: datum(f["type"], named) for f in schema["fields"]}
            named[schema["name"]] = st.fixed_dictionaries(fields)
            return named[schema["name"]]
        if schema["type"] == "map":
            return st.dictionaries(st.text(max_size=3), datum(schema["values"], named), max_size=3)
        if schema["type"] == "array":
            return st.lists(datum(schema["items"], named), max_size=3)
        return datum(schema["type"], named)
    return PRIMITIVES[schema] if schema in PRIMITIVES else named[schema]


def read_back(record: Any, writer: Any, reader: Any) -> Any:
    data = io.BytesIO()
    schemaless_writer(data, writer, record)
    size = data.tell()
    data.seek(0)
    found = schemaless_reader(data, writer, reader)
    assert data.tell() == size
    return found


def meets(written: Any, found: Any, path: str = "") -> list[str]:
    """Return the paths of what both hold and do not hold alike."""
    if isinstance(written, dict) and isinstance(found, dict):
        shared = written.keys() & found.keys()
        return [p for key in shared for p in meets(written[key], found[key], f"{path}.{key}")]
    return [] if written == found else [path]


def unreadable(writer: Any, reader: Any, record: Any) -> list[str]:
    """Return what keeps `reader` from reading what `writer` wrote, nothing when all is well."""
    try:
        return meets(record, read_back(record, plain(writer), plain(reader)))
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


PUBLISHED = [(i, short(schema["name"])) for i, schema in published().items()]


@pytest.mark.parametrize(("schema_id", "name"), PUBLISHED)
def test_published_schemas_and_the_current_one_read_each_other(schema_id: int, name: str) -> None:
    old, now = plain(published()[schema_id]), plain(current_schema(name))

    @settings(max_examples=25, deadline=None)
    @given(datum(old), datum(now))
    def both_ways(of_old: Any, of_now: Any) -> None:
        assert meets(of_old, read_back(of_old, old, now)) == []
        assert meets(of_now, read_back(of_now, now, old)) == []

    both_ways()


OUTCOME = {
    "event_id": "o",
    "revision": 1,
    "retracted": False,
    "molecule_id": "m",
    "assay_id": "a",
    "context": dict.fromkeys(AssayContext._fields),
    "value": 1.0,
    "label": None,
    "qualifier": None,
    "unit": None,
    "measured_at": 5,
}


def without(name: str) -> Any:
    schema = copy.deepcopy(unmarked(current_schema("Outcome")))
    schema["fields"] = [field for field in schema["fields"] if field["name"] != name]
    return schema


def with_field(name: str, changes: dict[str, Any]) -> Any:
    schema = copy.deepcopy(unmarked(current_schema("Outcome")))
    next(field for field in schema["fields"] if field["name"] == name).update(changes)
    return schema


def test_the_check_above_finds_a_breaking_change() -> None:
    now = current_schema("Outcome")
    assert unreadable(now, now, OUTCOME) == []
    assert unreadable(without("event_id"), now, OUTCOME) != []
    assert unreadable(now, with_field("value", {"type": "string", "default": ""}), OUTCOME) != []
    assert unreadable(now, with_field("assay_id", {"name": "assay"}), OUTCOME) != []
    assert unreadable(without("unit"), now, OUTCOME) == []


def test_current_types_are_the_ones_the_table_knows() -> None:
    assert {name for _, name in PUBLISHED} == set(EVENT_TYPES)
    assert set(EVENT_TYPES.values()) == set(typing.get_args(Event))
