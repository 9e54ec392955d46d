"""How far a lane has read its inputs, as the last record of each checkpoint says it.

The record is kept in the changelog and in the store, and begins with the version of the state: the
mark `00 00`, with which no record of version 1 began, then the version, then each input's topic
and next offset.
"""

import struct

from streams.lane_store import STATE_VERSION

_MARK = b"\0\0"


def packed(offsets: dict[str, int]) -> bytes:
    """Return the record of next input offsets by topic.

    >>> unpacked(packed({"lab.pairs": 7})), version_of(packed({})) == STATE_VERSION
    ({'lab.pairs': 7}, True)
    """
    return (
        _MARK
        + struct.pack(">H", STATE_VERSION)
        + b"".join(
            struct.pack(">H", len(topic.encode())) + topic.encode() + struct.pack(">q", offset)
            for topic, offset in sorted(offsets.items())
        )
    )


def version_of(record: bytes) -> int:
    """Return the version of the state that a checkpoint's record belongs to.

    >>> version_of(b"\\0\\5lab.x" + bytes(8)), version_of(b"\\0\\0\\0\\3")
    (1, 3)
    """
    if not record.startswith(_MARK):
        return 1
    (version,) = struct.unpack_from(">H", record, len(_MARK))
    return int(version)


def unpacked(record: bytes) -> dict[str, int]:
    """Return the next input offsets by topic from a record of this program's version."""
    found: dict[str, int] = {}
    data = record[len(_MARK) + 2 :]
    while data:
        (size,) = struct.unpack_from(">H", data)
        (offset,) = struct.unpack_from(">q", data, 2 + size)
        found[data[2 : 2 + size].decode()] = offset
        data = data[10 + size :]
    return found
