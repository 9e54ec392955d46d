"""The open predictions of a lane: how many, and since when the oldest waits."""

from itertools import islice
from typing import NamedTuple

from processors.deadlines import Deadlines
from processors.join_records import OPEN, JoinRecords
from processors.store import Store
from schemas.events import Prediction

# Each costs about 5 µs, and is passed once in the interval of the ticks.
KEYS_AT_ONCE = 20_000
LISTS_AT_ONCE = 2_000


class OpenPredictions(NamedTuple):
    """How many predictions of a lane, `number`, are neither labelled nor expired; the oldest.

    `oldest_at` is when that was made, in microseconds since 1970: of those whose retention ends on
    the first day one. None when none is open, or when it is still being looked for.
    """

    number: int
    oldest_at: int | None


class OldestOpen:
    """Finds the open prediction whose retention ends first, a few records a look.

    Labelled ones wait for the same day, so the lists of deadlines are gone through from the first;
    a list without an open one is left until `start_over`.

    >>> from processors.store import MemoryStore
    >>> from schemas.codec import Codec
    >>> from schemas.table import SchemaTable
    >>> oldest = OldestOpen(JoinRecords(Codec(SchemaTable())), Deadlines())
    >>> oldest.look(MemoryStore()); oldest.at is None
    True
    """

    def __init__(self, records: JoinRecords, deadlines: Deadlines) -> None:
        self._records, self._deadlines = records, deadlines
        self._start = b""
        # The first of all lists, when none of it was open.
        self._first_answered: bytes | None = None
        self.at: int | None = None
        self.looked = False

    def start_over(self) -> None:
        """Look at all of them again, as a reverted answer or an older prediction may ask for.

        >>> from schemas.codec import Codec
        >>> from schemas.table import SchemaTable
        >>> OldestOpen(JoinRecords(Codec(SchemaTable())), Deadlines()).start_over()
        """
        self._start, self._first_answered = b"", None

    def look(self, store: Store) -> None:
        """Go on for a bounded number of records; `at` says what is known then.

        >>> from processors.store import MemoryStore
        >>> from schemas.codec import Codec
        >>> from schemas.table import SchemaTable
        >>> OldestOpen(JoinRecords(Codec(SchemaTable())), Deadlines()).look(MemoryStore())
        """
        self.looked = True
        first = next(self._deadlines.looks(store), None)
        # What was loaded since may be older than all that was looked at.
        if first is not None and first[0] != self._first_answered and self._start:
            self.at = self._first_open(first[1], store)
            if self.at is not None:
                return
            self._first_answered = first[0]
        self._go_on(store)

    def _go_on(self, store: Store) -> None:
        keys = 0
        lists = islice(self._deadlines.looks(store, self._start), LISTS_AT_ONCE)
        for number, (own_key, waiting) in enumerate(lists, 1):
            self._start = own_key
            self.at = self._first_open(waiting, store)
            keys += len(waiting)
            if self.at is not None:
                return
            if keys >= KEYS_AT_ONCE or number == LISTS_AT_ONCE:
                # Behind this one.
                self._start = own_key + b"\0"
                return
        self._start, self.at = b"", None

    def _first_open(self, keys: list[bytes], store: Store) -> int | None:
        """Return when the first open prediction of some keys was made, None without one."""
        for key in keys:
            kept = store.get(key)
            # Nearly all that wait are labelled, and need not be decoded to be left out.
            if kept is None or kept[0] != OPEN:
                continue
            known = self._records.at(key, store)
            if known is not None and isinstance(known[0], Prediction) and not known[0].retracted:
                return known[0].predicted_at
        return None
