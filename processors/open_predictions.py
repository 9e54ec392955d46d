"""The open predictions of a lane: how many, and since when the oldest waits."""

from itertools import islice
from typing import NamedTuple

from processors.deadlines import Deadlines
from processors.join_records import JoinRecords
from processors.store import Store

# Each costs about 15 µs, and is passed once.
KEYS_AT_ONCE = 1_000
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

    Labelled ones wait for the same day, so the lists of deadlines are gone through from the first,
    and what is behind is left there: until a list is written in front, or `start_over`.

    >>> from processors.store import MemoryStore
    >>> from schemas.codec import Codec
    >>> from schemas.table import SchemaTable
    >>> oldest = OldestOpen(JoinRecords(Codec(SchemaTable())), Deadlines())
    >>> oldest.look(MemoryStore()); oldest.at is None
    True
    """

    def __init__(self, records: JoinRecords, deadlines: Deadlines) -> None:
        self._records, self._deadlines = records, deadlines
        # The list to go on with, and how many of its keys are behind.
        self._list, self._behind = b"", 0
        self.at: int | None = None
        self.looked = False

    def start_over(self) -> None:
        """Look at all of them again, as one that is open once more asks for.

        >>> from schemas.codec import Codec
        >>> from schemas.table import SchemaTable
        >>> OldestOpen(JoinRecords(Codec(SchemaTable())), Deadlines()).start_over()
        """
        self._list, self._behind = b"", 0

    def look(self, store: Store) -> None:
        """Go on for a bounded number of records; `at` says what is known then.

        >>> from processors.store import MemoryStore
        >>> from schemas.codec import Codec
        >>> from schemas.table import SchemaTable
        >>> OldestOpen(JoinRecords(Codec(SchemaTable())), Deadlines()).look(MemoryStore())
        """
        self.looked = True
        written = self._deadlines.first_written()
        if written is not None and written < self._list:
            self._list, self._behind = written, 0
        left = KEYS_AT_ONCE
        for own_key, waiting in islice(self._deadlines.looks(store, self._list), LISTS_AT_ONCE):
            if own_key != self._list:
                self._list, self._behind = own_key, 0
            some = waiting[self._behind : self._behind + left]
            self.at = self._first_open(some, store)
            left -= len(some)
            if self.at is not None or left <= 0:
                return
        self.at = None

    def _first_open(self, keys: list[bytes], store: Store) -> int | None:
        """Return when the first open prediction of some keys was made, None without one.

        Those in front of it are behind then.
        """
        for key in keys:
            prediction = self._records.open_at(key, store)
            if prediction is not None:
                return prediction.predicted_at
            self._behind += 1
        return None
