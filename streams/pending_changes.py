"""What an open checkpoint has changed: quick to write, in order when it is read."""

from bisect import bisect_left, insort
from collections.abc import Iterator

# More new keys than this are put in order all at once.
_ONE_BY_ONE_MAX = 64


class PendingChanges:
    """A map from keys to values or removals (None), whose keys are sorted when they are asked for.

    Many changes are made between two scans. A sorted map would pay for the order with every one.
    """

    def __init__(self) -> None:
        self._values: dict[bytes, bytes | None] = {}
        self._sorted: list[bytes] = []
        self._unsorted: list[bytes] = []

    def __contains__(self, key: bytes) -> bool:
        return key in self._values

    def __getitem__(self, key: bytes) -> bytes | None:
        return self._values[key]

    def __setitem__(self, key: bytes, value: bytes | None) -> None:
        if key not in self._values:
            self._unsorted.append(key)
        self._values[key] = value

    def items(self) -> list[tuple[bytes, bytes | None]]:
        """Return all changes, in no order that means anything."""
        return list(self._values.items())

    def keys_between(self, first: bytes, end: bytes, reverse: bool) -> Iterator[bytes]:
        """Yield the keys from `first` to before `end` (b"": to the last), or the other way round.

        Nothing may be changed in between.
        """
        self._sort()
        start = bisect_left(self._sorted, first)
        stop = bisect_left(self._sorted, end) if end else len(self._sorted)
        places = range(stop - 1, start - 1, -1) if reverse else range(start, stop)
        return (self._sorted[place] for place in places)

    def clear(self) -> None:
        """Forget all changes."""
        self._values.clear()
        self._sorted.clear()
        self._unsorted.clear()

    def _sort(self) -> None:
        if len(self._unsorted) > _ONE_BY_ONE_MAX:
            self._sorted += self._unsorted
            self._sorted.sort()
        else:
            for key in self._unsorted:
                insort(self._sorted, key)
        self._unsorted.clear()
