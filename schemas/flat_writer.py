"""Avro records without records in them, one at a time and quickly.

Source: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from struct import Struct
from typing import Any

Schema = dict[str, Any]
Write = Callable[[Any], bytes]
_DOUBLE = Struct("<d")


def write_long(number: int) -> bytes:
    """Return an integer of 64 bits as zigzag varint.

    >>> write_long(-1), write_long(300)
    (b'\\x01', b'\\xd8\\x04')
    """
    rest = (number << 1) ^ (number >> 63)
    if rest < 0x80:
        return bytes((rest,))
    digits = []
    while rest > 0x7F:
        digits.append(rest & 0x7F | 0x80)
        rest >>= 7
    digits.append(rest)
    return bytes(digits)


_LENGTHS = tuple(write_long(length) for length in range(64))
# Statuses, units and the like are short and few; what is not is soon forgotten.
REPEATED_TEXT_MAX = 24


def write_string(text: str) -> bytes:
    """Return text with its length in front.

    >>> write_string("ab")
    b'\\x04ab'
    """
    return _repeated(text) if len(text) <= REPEATED_TEXT_MAX else _write_text(text)


def _write_text(text: str) -> bytes:
    encoded = text.encode()
    size = len(encoded)
    return (_LENGTHS[size] if size < len(_LENGTHS) else write_long(size)) + encoded


_repeated = lru_cache(10_000)(_write_text)


def _write_boolean(flag: bool) -> bytes:
    return b"\1" if flag else b"\0"


_SIMPLE: dict[str, Write] = {
    "string": write_string,
    "long": write_long,
    "double": _DOUBLE.pack,
    "boolean": _write_boolean,
}


def _write_union(null: bytes, stated: bytes, write: Write, value: Any) -> bytes:
    return null if value is None else stated + write(value)


def _writer(schema: Any) -> Write:
    if isinstance(schema, list):
        (value,) = (branch for branch in schema if branch != "null")
        null = schema.index("null")
        return partial(_write_union, write_long(null), write_long(1 - null), _writer(value))
    return _SIMPLE[schema if isinstance(schema, str) else schema["type"]]


class FlatWriter:
    """Writes records of one schema of strings, longs, doubles, booleans and nulls.

    Raises KeyError for a schema that has anything else in it.

    >>> fields = [{"name": "name", "type": "string"}, {"name": "depth", "type": ["null", "long"]}]
    >>> FlatWriter({"type": "record", "name": "Spot", "fields": fields}).write(("A", None))
    b'\\x02A\\x00'
    """

    def __init__(self, schema: Schema) -> None:
        self._writers = [_writer(field["type"]) for field in schema["fields"]]

    def write(self, values: Iterable[Any]) -> bytes:
        """Return the record of values in the order of the schema's fields."""
        writers = self._writers
        return b"".join([write(value) for write, value in zip(writers, values, strict=True)])
