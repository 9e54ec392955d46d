"""When records of the join expire and when they are dropped, by the ticks of its lane.

A deadline is a day. Keys with one deadline are kept together, one record per checkpoint and day, so
that a deadline costs a few bytes per event and nothing is ever searched for.
"""

import struct
from collections.abc import Iterator
from itertools import islice

from processors.options import DAY_US
from processors.record_layout import RecordLayout
from processors.store import Store

DUE, NOW = b"e", b"t"
# What is to be done on the day: see whether it has expired, or drop it.
LOOK, DROP = 0, 1
LIST_BYTES_MAX = 50_000
# So many lists of keys are worked off with one checkpoint.
LISTS_AT_ONCE = 2
_KEY = struct.Struct(">IBQH")
_LIST = RecordLayout(list[bytes])
# Where keys wait whose deadline cannot be told before the first tick: it is past with any tick.
_NO_DAY = 0
_DAY_BIAS = 2**31


def _day(time_us: int) -> int:
    return time_us // DAY_US + _DAY_BIAS


class Deadlines:
    """The deadlines of one lane; what is new is at hand until `flush`.

    >>> from processors.store import MemoryStore
    >>> deadlines, store = Deadlines(), MemoryStore()
    >>> deadlines.tick(0, store)
    >>> deadlines.add(LOOK, b"p1", 2 * DAY_US); deadlines.flush(store, sequence=1)
    >>> deadlines.tick(3 * DAY_US, store); list(deadlines.passed(store))
    [(0, b'p1')]
    """

    def __init__(self) -> None:
        self._now: int | None = None
        self._loaded = False
        self._fresh: dict[tuple[int, int], list[bytes]] = {}
        self._first_written: bytes | None = None
        self.working = False

    def now(self, store: Store) -> int | None:
        """Return the highest tick in microseconds, or None before the first.

        >>> from processors.store import MemoryStore
        >>> Deadlines().now(MemoryStore()) is None
        True
        """
        if not self._loaded:
            known = store.get(NOW)
            self._now = int(known) if known is not None else None
            self._loaded = True
        return self._now

    def tick(self, at: int, store: Store) -> None:
        """Take the time in microseconds; one that lies behind the highest says nothing.

        >>> from processors.store import MemoryStore
        >>> deadlines, store = Deadlines(), MemoryStore()
        >>> deadlines.tick(7, store); deadlines.tick(5, store); deadlines.now(store)
        7
        """
        now = self.now(store)
        if now is None or at > now:
            self._now = at
            store.put(NOW, str(at).encode())

    def is_past(self, time_us: int | None, store: Store) -> bool:
        """Return whether the whole day of a time is over; None, no time, is never over.

        >>> from processors.store import MemoryStore
        >>> deadlines, store = Deadlines(), MemoryStore()
        >>> deadlines.tick(DAY_US, store)
        >>> deadlines.is_past(DAY_US - 1, store), deadlines.is_past(DAY_US, store)
        (True, False)
        """
        now = self.now(store)
        return time_us is not None and now is not None and _day(time_us) < _day(now)

    def add(self, what: int, key: bytes, due_us: int | None) -> None:
        """Set a deadline for a key; `due_us` None means that it cannot be told before a tick.

        >>> Deadlines().add(DROP, b"p1", None)
        """
        day = _NO_DAY if due_us is None else _day(due_us)
        self._fresh.setdefault((day, what), []).append(key)

    def looks(self, store: Store, start: bytes = b"") -> Iterator[tuple[bytes, list[bytes]]]:
        """Yield the lists of keys that wait for their look, by their day, each with its own key.

        `start` is the list to begin at; empty means the first. What is at hand is left out.

        >>> from processors.store import MemoryStore
        >>> deadlines, store = Deadlines(), MemoryStore()
        >>> deadlines.add(LOOK, b"p1", 0); deadlines.flush(store, sequence=1)
        >>> [keys for _, keys in deadlines.looks(store)]
        [[b'p1']]
        """
        for own_key, value in store.scan(DUE, start=start):
            _, what, *_ = _KEY.unpack(own_key[1:])
            yield own_key, _LIST.unpack(value) if what == LOOK else []

    def flush(self, store: Store, sequence: int) -> None:
        """Write what is new to the store; `sequence` must never fall.

        >>> from processors.store import MemoryStore
        >>> deadlines, store = Deadlines(), MemoryStore()
        >>> deadlines.add(LOOK, b"p1", 0); deadlines.flush(store, sequence=1)
        >>> len(list(store.scan(DUE)))
        1
        """
        for (day, what), keys in sorted(self._fresh.items()):
            part = 0
            for some in _lists(keys):
                # A checkpoint that follows without an event has the sequence of the last.
                while store.get(own_key := DUE + _KEY.pack(day, what, sequence, part)) is not None:
                    part += 1
                store.put(own_key, _LIST.pack(some))
                if self._first_written is None or own_key < self._first_written:
                    self._first_written = own_key
        self._fresh.clear()

    def first_written(self) -> bytes | None:
        """Return the first list written since this was last asked, None when there is none.

        >>> from processors.store import MemoryStore
        >>> deadlines = Deadlines()
        >>> deadlines.add(LOOK, b"p1", 0); deadlines.flush(MemoryStore(), sequence=1)
        >>> deadlines.first_written() is None, deadlines.first_written() is None
        (False, True)
        """
        first, self._first_written = self._first_written, None
        return first

    def passed(self, store: Store) -> Iterator[tuple[int, bytes]]:
        """Yield some of the keys whose day is over, each with what is to be done, and forget them.

        `working` says afterwards whether there are more.

        >>> from processors.store import MemoryStore
        >>> list(Deadlines().passed(MemoryStore()))
        []
        """
        now = self.now(store)
        self.working = False
        if now is None:
            return
        due = []
        for own_key, value in islice(store.scan(DUE), LISTS_AT_ONCE + 1):
            day, what, *_ = _KEY.unpack(own_key[1:])
            if day >= _day(now):
                break
            due.append((own_key, what, value))
        self.working = len(due) > LISTS_AT_ONCE
        for own_key, what, value in due[:LISTS_AT_ONCE]:
            store.delete(own_key)
            for key in _LIST.unpack(value):
                yield what, key


def _lists(keys: list[bytes]) -> Iterator[list[bytes]]:
    """Yield the keys in lists that fit into one record each."""
    some: list[bytes] = []
    size = 0
    for key in keys:
        if size + len(key) > LIST_BYTES_MAX:
            yield some
            some, size = [], 0
        some.append(key)
        size += len(key) + 3
    yield some
