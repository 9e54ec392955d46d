"""The open predictions of a lane: how many, and since when the oldest waits."""

from typing import NamedTuple

from processors.deadlines import Deadlines
from processors.join_records import OPEN, JoinRecords
from processors.store import Store
from schemas.events import Prediction

LISTS_AT_ONCE = 20
KEYS_AT_ONCE = 500


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
        self.at: int | None = None

    def start_over(self) -> None:
        """Look at all of them again, as a reverted answer or an older prediction may ask for.

        >>> from schemas.codec import Codec
        >>> from schemas.table import SchemaTable
        >>> OldestOpen(JoinRecords(Codec(SchemaTable())), Deadlines()).start_over()
        """
        self._start = b""

    def look(self, store: Store) -> None:
        """Go on for a bounded number of records; `at` says what is known then.

        >>> from processors.store import MemoryStore
        >>> from schemas.codec import Codec
        >>> from schemas.table import SchemaTable
        >>> OldestOpen(JoinRecords(Codec(SchemaTable())), Deadlines()).look(MemoryStore())
        """
        # The first list, too: what was loaded since may be older than all that was looked at.
        self.at = self._first_open(store, b"", 1, KEYS_AT_ONCE)[1] if self._start else None
        if self.at is None:
            self._start, self.at = self._first_open(store, self._start, LISTS_AT_ONCE, KEYS_AT_ONCE)

    def _first_open(
        self, store: Store, start: bytes, lists: int, keys: int
    ) -> tuple[bytes, int | None]:
        """Return the list to go on at, empty for the first, and when the one found was made."""
        own_key = start
        for own_key, waiting in self._deadlines.looks(store, start):
            for key in waiting:
                if (made_at := self._open_since(key, store)) is not None:
                    return own_key, made_at
            lists, keys = lists - 1, keys - len(waiting)
            if lists <= 0 or keys <= 0:
                return own_key + b"\0", None
        return b"", None

    def _open_since(self, key: bytes, store: Store) -> int | None:
        known = self._records.get(key, store)
        if known is None:
            return None
        event, standing = known
        if not isinstance(event, Prediction) or standing != OPEN or event.retracted:
            return None
        return event.predicted_at
