"""Events to bytes and back: Avro in Confluent's wire format.

A message value is a zero byte, a 4-byte schema id and the record.

Times stay integers: the logical types in the `.avsc` are for other readers, so they are taken off
the schemas used here. Source: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/
"""

import io
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.schema import load_schema

from schemas.columns import ColumnReader
from schemas.errors import MalformedRecordError, UnknownSchemaError
from schemas.events import (
    EVENT_TYPES,
    Alert,
    AssayContext,
    Event,
    FactorEffect,
    LatePair,
    Metric,
    Outcome,
    Pair,
    Prediction,
)
from schemas.flat_writer import FlatWriter

AVRO_DIR = Path(__file__).parent / "avro"
NAMESPACE = "recalibra"
HEADER_BYTES = 5

# Fewer are decoded one by one sooner than by columns.
PLAIN_RECORDS_MIN = 24
PLAIN_BYTES_MAX = 5_000
_CLASSES: dict[str, type[tuple[Any, ...]]] = {
    f"{NAMESPACE}.{event_type.__name__}": event_type
    for event_type in (*EVENT_TYPES.values(), AssayContext)
}

E = TypeVar("E", bound=Event)
Schema = dict[str, Any]


class SchemaIds(Protocol):
    """Where schema ids come from: the table in this room, or a registry."""

    def id_of(self, name: str) -> int:
        """Return the id under which the current schema of event `name` is written."""

    def writer_of(self, schema_id: int) -> Schema:
        """Return the schema behind an id; raises UnknownSchemaError."""


@cache
def current_schema(name: str) -> Schema:
    """Return the `.avsc` of event `name` (such as "Prediction") as the files say it."""
    schema = load_schema(str(AVRO_DIR / f"{NAMESPACE}.{name}.avsc"))
    return cast(Schema, schema)


def without_logical_types(schema: Any) -> Any:
    """Return a copy of an Avro schema whose times and decimals are their plain numbers."""
    if isinstance(schema, dict):
        return {k: without_logical_types(v) for k, v in schema.items() if k != "logicalType"}
    if isinstance(schema, list):
        return [without_logical_types(s) for s in schema]
    return schema


def plain(schema: Schema) -> Schema:
    """Return `schema` parsed for reading and writing integers as times."""
    bare = without_logical_types(schema)
    for mark in ("__fastavro_parsed__", "__named_schemas"):
        bare.pop(mark, None)
    return cast(Schema, parse_schema(bare))


def _foreign_plain(schema_id: int, schema: Any) -> Schema:
    """Return somebody's schema parsed; raises UnknownSchemaError for what is no Avro record."""
    try:
        parsed = plain(schema)
        if not isinstance(parsed, dict) or parsed.get("type") != "record":
            raise TypeError(f"it is no record but {str(parsed)[:80]}")
    except Exception as error:  # a registry may hold anything, and fastavro raises what it meets
        raise UnknownSchemaError(
            f"schema id {schema_id} is no Avro record schema: {type(error).__name__}: {error}"
        ) from error
    return parsed


def _event(name: str, record: dict[str, Any]) -> Event:
    """Return the event of a record whose fields are in any order."""
    if name in ("Prediction", "Outcome"):
        record["context"] = AssayContext(**record["context"])
    elif name in ("Pair", "LatePair"):
        record["prediction"] = _event("Prediction", record["prediction"])
        record["outcome"] = _event("Outcome", record["outcome"])
    return _with_tuples(EVENT_TYPES[name](**record))


def _event_in_order(name: str, record: dict[str, Any]) -> Event:
    """Return the event of a record whose fields are in the order of the current schema."""
    if name in ("Prediction", "Outcome"):
        record["context"] = AssayContext._make(record["context"].values())
    elif name in ("Pair", "LatePair"):
        record["prediction"] = _event_in_order("Prediction", record["prediction"])
        record["outcome"] = _event_in_order("Outcome", record["outcome"])
    return _with_tuples(EVENT_TYPES[name]._make(record.values()))


def _with_tuples(event: Event) -> Event:
    """Return an event whose lists, which Avro makes of arrays, are tuples as its type says."""
    if isinstance(event, Alert):
        return event._replace(
            tied=tuple(event.tied),
            molecule_ids=tuple(event.molecule_ids),
            factors=tuple(FactorEffect.of(cast(dict[str, Any], each)) for each in event.factors),
        )
    return event


def as_record(event: Any) -> dict[str, Any]:
    """Return an event as plain nested dicts, for writing or for JSON."""
    record: dict[str, Any] = event._asdict()
    for field in ("prediction", "outcome"):
        if field in record:
            record[field] = as_record(record[field])
    if "context" in record:
        record["context"] = record["context"]._asdict()
    if "factors" in record:
        record["factors"] = [each._asdict() for each in record["factors"]]
    if "features" in record:
        # Equal events must give equal bytes, whatever order a dict was filled in.
        record["features"] = dict(sorted(record["features"].items()))
    return record


def _without(schema: Schema, names: tuple[str, ...]) -> Schema:
    """Return a record's schema without some of its fields."""
    fields = [field for field in schema["fields"] if field["name"] not in names]
    return {"type": "record", "name": f"{schema['name']}Fields", "fields": fields}


class Codec:
    """Encodes and decodes events.

    `ids` gives schema ids; one codec may be used by several threads.
    """

    def __init__(self, ids: SchemaIds) -> None:
        self._ids = ids
        self._current = {name: plain(current_schema(name)) for name in EVENT_TYPES}
        # Avro's record of a pair is its own fields, then the two records it holds.
        self._flat = {
            name: FlatWriter(_without(self._current[name], ("prediction", "outcome")))
            for name in ("Pair", "LatePair", "Metric")
        }
        self._columns: dict[str, ColumnReader | None] = {}
        self._headers: dict[str, bytes] = {}
        self._writers: dict[int, tuple[str, Schema, Schema | None]] = {}

    def header(self, name: str) -> bytes:
        """Return the five bytes in front of every record of event `name`."""
        if name not in self._headers:
            self._headers[name] = b"\0" + self._ids.id_of(name).to_bytes(4, "big")
        return self._headers[name]

    def encode_body(self, event: Event) -> bytes:
        """Return the Avro record of an event under its current schema, without the header."""
        if isinstance(event, (Prediction, Outcome)):
            if event.body is None:
                event.body = self._written(event)
            return event.body
        if isinstance(event, (Pair, LatePair)):
            own = self._flat[type(event).__name__].write(event[:-2])
            return own + self.encode_body(event[-2]) + self.encode_body(event[-1])
        if isinstance(event, Metric):
            return self._flat["Metric"].write(event)
        return self._written(event)

    def _written(self, event: Event) -> bytes:
        out = io.BytesIO()
        schemaless_writer(out, self._current[type(event).__name__], as_record(event))
        return out.getvalue()

    def encode(self, event: Event) -> bytes:
        """Return an event as a Kafka message value."""
        return self.header(type(event).__name__) + self.encode_body(event)

    def _writer(self, schema_id: int) -> tuple[str, Schema, Schema | None]:
        """Return (event name, writer schema, reader schema or None when both are the same)."""
        if schema_id not in self._writers:
            schema = _foreign_plain(schema_id, self._ids.writer_of(schema_id))
            name = str(schema["name"]).removeprefix(f"{NAMESPACE}.")
            reader = self._current.get(name)
            if reader is None:
                raise UnknownSchemaError(f"schema id {schema_id} is of {name!r}, no event of ours")
            self._writers[schema_id] = (name, schema, None if schema == reader else reader)
        return self._writers[schema_id]

    def decode(self, payload: bytes | None, expected: type[E]) -> E:
        """Return the event in a Kafka message value.

        Raises MalformedRecordError or UnknownSchemaError; both are the data's fault.
        """
        if payload is None:
            raise MalformedRecordError("the message has no value")
        if len(payload) < HEADER_BYTES or payload[0] != 0:
            raise MalformedRecordError(
                f"the message of {len(payload)} bytes does not start with Confluent's zero byte "
                "and schema id"
            )
        schema_id = int.from_bytes(payload[1:HEADER_BYTES], "big")
        name, writer, reader = self._writer(schema_id)
        if name != expected.__name__:
            raise MalformedRecordError(
                f"a {name} (schema id {schema_id}) stands where a {expected.__name__} belongs"
            )
        data = io.BytesIO(payload)
        data.seek(HEADER_BYTES)
        try:
            record = schemaless_reader(data, writer, reader)
            build = _event_in_order if reader is None else _event
            event = build(name, cast(dict[str, Any], record))
        except Exception as error:  # fastavro raises what its C code meets: every kind is bad data
            raise MalformedRecordError(
                f"the record does not follow schema id {schema_id}: {type(error).__name__}: {error}"
            ) from error
        if data.tell() != len(payload):
            raise MalformedRecordError(
                f"{len(payload) - data.tell()} bytes are left over behind the record"
            )
        if reader is None and isinstance(event, (Prediction, Outcome)):
            event.body = payload[HEADER_BYTES:]
        return cast(E, event)

    def decode_plain(self, payloads: Sequence[bytes | None], expected: type[E]) -> list[E | None]:
        """Return the events in many message values at once; None for what `decode` is to look at.

        Read are plain records of the current schema, see `schemas.columns`.
        """
        reader = self._column_reader(expected.__name__)
        headers = Counter(p[:HEADER_BYTES] for p in payloads if p is not None)
        header, count = headers.most_common(1)[0] if headers else (b"", 0)
        if (
            reader is None
            or count < PLAIN_RECORDS_MIN
            or not self._is_current(header, expected.__name__)
        ):
            return [None] * len(payloads)
        chosen = [
            i
            for i, payload in enumerate(payloads)
            if payload is not None
            and len(payload) <= PLAIN_BYTES_MAX
            and payload.startswith(header)
        ]
        if len(chosen) == len(payloads):
            found = reader.read(cast(Sequence[bytes], payloads), HEADER_BYTES)
        else:
            found = [None] * len(payloads)
            plain = reader.read([cast(bytes, payloads[i]) for i in chosen], HEADER_BYTES)
            for i, event in zip(chosen, plain, strict=True):
                found[i] = event
        if expected in (Prediction, Outcome):
            for event, payload in zip(found, payloads, strict=True):
                if event is not None:
                    event.body = cast(bytes, payload)[HEADER_BYTES:]
        return found

    def _is_current(self, header: bytes, name: str) -> bool:
        """Return whether records behind a header are written with the current schema of `name`."""
        schema_id = schema_id_of(header)
        if schema_id is None:
            return False
        try:
            written, _, reader = self._writer(schema_id)
        except UnknownSchemaError:
            return False
        return written == name and reader is None

    def decode_all(self, payloads: Sequence[bytes], expected: type[E]) -> list[E]:
        """Return the events in many message values; raises what `decode` does."""
        events = self.decode_plain(payloads, expected)
        return [
            self.decode(payload, expected) if event is None else event
            for event, payload in zip(events, payloads, strict=True)
        ]

    def _column_reader(self, name: str) -> ColumnReader | None:
        """Return the reader of an event's current schema; None when it has fields for fastavro."""
        if name not in self._columns:
            try:
                self._columns[name] = ColumnReader(self._current[name], _CLASSES)
            except KeyError:
                self._columns[name] = None
        return self._columns[name]


def schema_id_of(payload: bytes | None) -> int | None:
    """Return the schema id a message value claims, or None when it claims none or none can be."""
    if payload is None or len(payload) < HEADER_BYTES or payload[0] != 0:
        return None
    claimed = int.from_bytes(payload[1:HEADER_BYTES], "big")
    return claimed if claimed < 2**31 else None
