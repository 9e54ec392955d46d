"""Summaries as bytes: a version byte, then fields, each after its length.

A length below 255 is one byte; a longer one is the byte 255 and four bytes, little-endian. An
integer is a field of little-endian two's complement. Avro would hold the same in about three times
the time, and a window is written at every checkpoint.
"""

import logging
from collections.abc import Iterable

from schemas.errors import RefusedStateError

log = logging.getLogger(__name__)

_LONG = 255


def encode(version: int, fields: Iterable[int | bytes]) -> bytes:
    """Return `fields` after the byte `version` (0 to 255).

    >>> encode(1, [3, b"ab"])
    b'\\x01\\x01\\x03\\x02ab'
    """
    out = bytearray((version,))
    for field in fields:
        if isinstance(field, int):
            field = field.to_bytes((field.bit_length() >> 3) + 1, "little", signed=True)
        size = len(field)
        if size < _LONG:
            out.append(size)
        else:
            out.append(_LONG)
            out += size.to_bytes(4, "little")
        out += field
    return bytes(out)


def decode(version: int, data: bytes) -> list[bytes]:
    """Return the fields that `encode` wrote, integers still as bytes.

    Raises RefusedStateError when the version byte is not `version` or the bytes are cut short.

    >>> decode(1, b"\\x01\\x01\\x03\\x02ab")
    [b'\\x03', b'ab']
    >>> decode(1, b"\\x02")
    Traceback (most recent call last):
        ...
    schemas.errors.RefusedStateError: A stored summary has format 2, this program reads format 1; \
use the release that wrote the store, or rebuild the store from its topics.
    """
    if data[:1] != bytes((version,)):
        written = data[0] if data else "none"
        raise RefusedStateError(
            f"A stored summary has format {written}, this program reads format {version}; "
            "use the release that wrote the store, or rebuild the store from its topics."
        )
    fields: list[bytes] = []
    at, end = 1, len(data)
    while at < end:
        size = data[at]
        at += 1
        if size == _LONG:
            size = int.from_bytes(data[at : at + 4], "little")
            at += 4
        if at + size > end:
            raise damaged(f"field {len(fields)} of {size} bytes leaves a record of {end}")
        fields.append(data[at : at + size])
        at += size
    return fields


def integers(fields: Iterable[bytes]) -> list[int]:
    """Return the integers of some fields.

    >>> integers([b"\\xff", b"\\x02"])
    [-1, 2]
    """
    read = int.from_bytes
    return [read(field, "little", signed=True) for field in fields]


def damaged(detail: str) -> RefusedStateError:
    """Log `detail` and return the error that refuses bytes no summary writes.

    >>> damaged("too short")
    RefusedStateError('A stored summary is damaged; rebuild the store from its topics.')
    """
    log.error("damaged summary: %s", detail)
    return RefusedStateError("A stored summary is damaged; rebuild the store from its topics.")
