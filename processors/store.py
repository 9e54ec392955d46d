"""The ordered key-value store a processor keeps its state in, and its in-memory form."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol

from sortedcontainers import SortedList


class Store(Protocol):
    """An ordered map from bytes to bytes, private to one lane."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, or None when there is none."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of `key`."""

    def delete(self, key: bytes) -> None:
        """Remove `key`; a key that is not there is no error."""

    def scan(
        self, prefix: bytes, *, start: bytes = b"", reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs whose key starts with `prefix`, by ascending key (or descending).

        Keys below `start` are left out. The store must not be changed while a scan is open.
        """

    def scan_each(self, prefixes: Sequence[bytes], limit: int) -> list[list[tuple[bytes, bytes]]]:
        """Return the first `limit` pairs under each of some prefixes: sooner than one by one."""


def after_prefix(prefix: bytes) -> bytes:
    """Return the smallest key above every key that starts with `prefix`, or b"" if there is none.

    >>> after_prefix(b"ab")
    b'ac'
    >>> after_prefix(b"a\\xff")
    b'b'
    """
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else b""


class MemoryStore:
    """A store in memory, for replay over files and for tests.

    >>> store = MemoryStore()
    >>> store.put(b"a2", b"y"); store.put(b"a1", b"x"); store.put(b"b", b"z")
    >>> list(store.scan(b"a"))
    [(b'a1', b'x'), (b'a2', b'y')]
    """

    def __init__(self) -> None:
        self._items: dict[bytes, bytes] = {}
        # Brought into order by a scan only: most keys are written far more often than scanned.
        self._keys: SortedList[bytes] = SortedList()
        self._new: set[bytes] = set()
        self._gone: set[bytes] = set()

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, or None."""
        return self._items.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of `key`."""
        if key not in self._items:
            if key in self._gone:
                self._gone.remove(key)
            else:
                self._new.add(key)
        self._items[key] = value

    def delete(self, key: bytes) -> None:
        """Remove `key` if it is there."""
        if self._items.pop(key, None) is None:
            return
        if key in self._new:
            self._new.remove(key)
        else:
            self._gone.add(key)

    def _in_order(self) -> "SortedList[bytes]":
        for key in self._gone:
            self._keys.remove(key)
        self._keys.update(self._new)
        self._gone.clear()
        self._new.clear()
        return self._keys

    def scan(
        self, prefix: bytes, *, start: bytes = b"", reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs whose key starts with `prefix`, in the order of their keys."""
        end = after_prefix(prefix) or None
        first = max(prefix, start)
        for key in self._in_order().irange(first, end, inclusive=(True, False), reverse=reverse):
            yield key, self._items[key]

    def scan_each(self, prefixes: Sequence[bytes], limit: int) -> list[list[tuple[bytes, bytes]]]:
        """Return the first `limit` pairs under each of some prefixes."""
        return [list(islice(self.scan(prefix), limit)) for prefix in prefixes]
