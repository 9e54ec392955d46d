"""State records as bytes: msgpack, read back as the type they were written from."""

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import Generic, TypeVar

import msgspec

from schemas.errors import RefusedStateError

log = logging.getLogger(__name__)

Record = TypeVar("Record")


class RecordLayout(Generic[Record]):
    """How records of one type rest in a store: compact, and checked when they are read.

    The type is a NamedTuple, or a list or dict, of what msgpack knows; a NamedTuple is an array.
    Equal records give equal bytes. Source: the MessagePack specification, msgpack.org.

    >>> layout = RecordLayout(list[float])
    >>> layout.unpack(layout.pack([0.1, -2.0]))
    [0.1, -2.0]
    """

    def __init__(self, record_type: type[Record]) -> None:
        self._type = record_type
        self.pack = msgspec.msgpack.Encoder(order="deterministic").encode
        self._decode = msgspec.msgpack.Decoder(record_type).decode

    def unpack(self, data: bytes) -> Record:
        """Return the record that `pack` wrote; RefusedStateError when it is no such record.

        >>> RecordLayout(list[float]).unpack(b"no")
        Traceback (most recent call last):
            ...
        schemas.errors.RefusedStateError: A stored record is damaged; rebuild the store from its \
topics.
        """
        try:
            return self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error("damaged record of %s: %s", self._type, error)
            raise RefusedStateError(
                "A stored record is damaged; rebuild the store from its topics."
            ) from error

    @staticmethod
    def joined(records: Sequence[bytes]) -> bytes:
        """Return records that `pack` wrote as one, for `unpack_joined`."""
        # One array of them all, by the specification's header of an array 32.
        return b"".join((b"\xdd", len(records).to_bytes(4, "big"), *records))

    def joined_of(self, records: Sequence[Record]) -> bytes:
        """Return records as one, for `unpack_joined`; equal records give equal bytes."""
        return self._each.pack(list(records))

    def unpack_joined(self, data: bytes) -> list[Record]:
        """Return the records that were `joined`, all read at once; RefusedStateError as `unpack`.

        >>> layout = RecordLayout(list[float])
        >>> layout.unpack_joined(layout.joined([layout.pack([0.5]), layout.pack([])]))
        [[0.5], []]
        >>> layout.unpack_joined(layout.joined_of([[0.5], []]))
        [[0.5], []]
        """
        return self._each.unpack(data)

    @cached_property
    def _each(self) -> "RecordLayout[list[Record]]":
        each: type[list[Record]] = list[self._type]  # type: ignore[name-defined]
        return RecordLayout(each)
