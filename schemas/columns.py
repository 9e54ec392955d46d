"""Avro records of one schema, many at a time: field by field down a block, with NumPy.

fastavro reads one record after the other, at about 7 µs each; here a field costs a few array
operations for all records. Only plain records are read here: their texts are printable ASCII, 1 to
TEXT_BYTES_MAX bytes long and begin with no blank. Any other record, and whatever is wrong with one,
is left to fastavro.

Source: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from io import BytesIO
from types import MappingProxyType
from typing import Any

import numpy as np
from fastavro import parse_schema, schemaless_reader
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Schema = dict[str, Any]

TEXT_BYTES_MAX = 200
_BLANK = ord(" ")
_EMPTY: Mapping[str, Any] = MappingProxyType({})
_VARINT_BYTES_MAX = 10
_VARINT_PLACES = np.arange(_VARINT_BYTES_MAX)
_VARINT_SHIFTS = (7 * _VARINT_PLACES).astype(np.uint64)
_DOUBLE_PLACES = np.arange(8)
# Stands behind the last record, so that whatever a record claims can be looked at.
_PADDING = bytes(_VARINT_BYTES_MAX)


class _Cursor:
    """Where each record is being read, and which records are plain so far."""

    def __init__(self, records: Sequence[bytes], skip: int) -> None:
        self.data = b"".join((*records, _PADDING))
        self.bytes = np.frombuffer(self.data, np.uint8)
        # A character for every byte, and the right one for ASCII.
        self.text = self.data.decode("latin-1")
        lengths = np.fromiter(map(len, records), np.int64, len(records))
        self.ends = np.cumsum(lengths)
        self.plain = lengths >= skip
        self.at = np.minimum(self.ends - lengths + skip, self.ends)

    def move(self, to: Integers) -> None:
        self.plain &= to <= self.ends
        self.at = np.minimum(to, self.ends)

    def byte(self) -> NDArray[np.uint8]:
        found: NDArray[np.uint8] = self.bytes[self.at]
        self.move(self.at + 1)
        return found

    def integers(self, there: Flags | None) -> Integers:
        """Read a zigzag varint of every record, or of those where it is `there`."""
        first = self.bytes[self.at]
        size: Integers | int = 1
        if (first < 0x80).all():
            raw = first.astype(np.uint64)
        else:
            raw, size = self._long_varints()
        numbers: Integers = ((raw >> np.uint64(1)) ^ (np.uint64(0) - (raw & np.uint64(1)))).view(
            np.int64
        )
        self.move(self.at + (size if there is None else size * there))
        return numbers

    def _long_varints(self) -> tuple[NDArray[np.uint64], Integers]:
        digits = self.bytes[self.at[:, None] + _VARINT_PLACES]
        is_last = digits < 0x80
        size = is_last.argmax(axis=1) + 1
        # The tenth byte holds what is left of 64 bits; more of it is fastavro's to judge.
        self.plain &= is_last[:, :-1].any(axis=1)
        own = np.where(size[:, None] > _VARINT_PLACES, digits & 0x7F, 0).astype(np.uint64)
        return np.bitwise_or.reduce(own << _VARINT_SHIFTS, axis=1), size


Column = list[Any]
# Reads the next field of every record, or of those where it is there; the others get None.
Read = Callable[[_Cursor, Flags | None], Column]


def _only(values: Column, there: Flags | None) -> Column:
    if there is None:
        return values
    stated = zip(values, there.tolist(), strict=True)
    return [value if is_there else None for value, is_there in stated]


def _strings(cursor: _Cursor, there: Flags | None) -> Column:
    lengths = cursor.integers(there)
    plain = (lengths > 0) & (lengths <= TEXT_BYTES_MAX) & (cursor.bytes[cursor.at] != _BLANK)
    lengths = np.where(plain, lengths, 0)
    if there is not None:
        plain |= ~there
        lengths *= there
    starts = cursor.at.tolist()
    cursor.move(cursor.at + lengths)
    text = cursor.text
    column = [text[start:stop] for start, stop in zip(starts, cursor.at.tolist(), strict=True)]
    if not _is_plain("".join(column)):
        plain &= np.fromiter(map(_is_plain, column), np.bool_, len(column))
    cursor.plain &= plain
    return _only(column, there)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _longs(cursor: _Cursor, there: Flags | None) -> Column:
    return _only(cursor.integers(there).tolist(), there)


def _doubles(cursor: _Cursor, there: Flags | None) -> Column:
    raw = cursor.bytes[cursor.at[:, None] + _DOUBLE_PLACES]
    cursor.move(cursor.at + (8 if there is None else 8 * there))
    return _only(raw.view("<f8")[:, 0].tolist(), there)


def _booleans(cursor: _Cursor, there: Flags | None) -> Column:
    found = cursor.byte()
    cursor.plain &= found <= 1
    flags: Column = (found == 1).tolist()
    return flags


def _unions(null_index: int, read: Read, cursor: _Cursor, there: Flags | None) -> Column:
    branch = cursor.byte()
    stated = branch == 2 * (1 - null_index)
    cursor.plain &= stated | (branch == 2 * null_index)
    if stated.all():
        return read(cursor, None)
    return read(cursor, stated) if stated.any() else [None] * len(branch)


def _maps(schema: Schema, cursor: _Cursor, there: Flags | None) -> Column:
    filled = np.flatnonzero((cursor.bytes[cursor.at] != 0) & cursor.plain)
    to = cursor.at + 1
    column: Column = [_EMPTY] * len(to)
    for i in filled.tolist():
        start, end = int(cursor.at[i]), int(cursor.ends[i])
        data = BytesIO(cursor.data[start:end])
        try:
            column[i] = schemaless_reader(data, schema, None)
        except Exception:  # fastavro raises what it meets; the careful reader says what it is
            cursor.plain[i] = False
        to[i] = start + data.tell()
    cursor.move(to)
    return column


def _records(
    build: Callable[[Sequence[Any]], Any], reads: Sequence[Read], cursor: _Cursor, _: Flags | None
) -> Column:
    return list(map(build, zip(*(read(cursor, None) for read in reads), strict=True)))


_SIMPLE: dict[str, Read] = {
    "string": _strings,
    "long": _longs,
    "double": _doubles,
    "boolean": _booleans,
}


class ColumnReader:
    """Reads records of one schema, which is made of records, strings, longs, doubles, booleans,
    maps and nulls.

    `classes` are the named tuples of its records by the records' names, with the fields in the
    schema's order. Raises KeyError for a schema that has anything else in it.

    >>> from typing import NamedTuple
    >>> class Spot(NamedTuple):
    ...     name: str
    ...     depth: float | None
    >>> fields = [{"name": "name", "type": "string"}, {"name": "depth", "type": ["null", "double"]}]
    >>> reader = ColumnReader({"type": "record", "name": "S", "fields": fields}, {"S": Spot})
    >>> reader.read([b"\\x02A\\x00", b"\\x02", b"\\x02B\\x00!"])
    [Spot(name='A', depth=None), None, None]
    """

    def __init__(self, schema: Schema, classes: Mapping[str, type[tuple[Any, ...]]]) -> None:
        self._classes = classes
        self._named = dict(_SIMPLE)
        self._read = self._reader(schema)

    def _reader(self, schema: Any) -> Read:
        if isinstance(schema, str):
            return self._named[schema]
        if isinstance(schema, list):
            (value,) = (branch for branch in schema if branch != "null")
            return partial(_unions, schema.index("null"), self._reader(value))
        if schema["type"] == "record":
            build = partial(tuple.__new__, self._classes[schema["name"]])
            reads = [self._reader(field["type"]) for field in schema["fields"]]
            self._named[schema["name"]] = partial(_records, build, reads)
            return self._named[schema["name"]]
        if schema["type"] == "map":
            return partial(_maps, parse_schema(schema))
        return self._named[schema["type"]]

    def read(self, records: Sequence[bytes], skip: int = 0) -> list[Any | None]:
        """Return each record, which begins `skip` bytes in, as its named tuple; None: not read."""
        cursor = _Cursor(records, skip)
        found = self._read(cursor, None)
        plain = cursor.plain & (cursor.at == cursor.ends)
        return found if plain.all() else _only(found, plain)
