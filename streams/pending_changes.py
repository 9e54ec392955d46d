"""What an open checkpoint has changed: quick to write, in order when it is read."""

from bisect import bisect_left
from collections.abc import Iterator

# So many new keys, and an eighth of the others, are put among these all at once.
_RECENT_MAX = 1_000


class PendingChanges:
    """A map from keys to values or removals (None), whose keys are sorted when they are asked for.

    Many changes are made between two scans. A sorted map would pay for the order with every one;
    here what came lately is sorted by itself, and seldom put among the rest.
    """

    def __init__(self) -> None:
        self._values: dict[bytes, bytes | None] = {}
        self._sorted: list[bytes] = []
        self._recent: list[bytes] = []
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
        """Yield the keys from `first` to before `end` (b"": to the last), or backwards."""
        self._sort()
        found: list[bytes] = []
        for keys in (self._sorted, self._recent):
            stop = bisect_left(keys, end) if end else len(keys)
            found += keys[bisect_left(keys, first) : stop]
        found.sort(reverse=reverse)
        return iter(found)

    def any_under(self, prefix: bytes) -> bool:
        """Return whether a key with a prefix was changed."""
        self._sort()
        for keys in (self._sorted, self._recent):
            place = bisect_left(keys, prefix)
            if place < len(keys) and keys[place].startswith(prefix):
                return True
        return False

    def clear(self) -> None:
        """Forget all changes."""
        self._values.clear()
        self._sorted.clear()
        self._recent.clear()
        self._unsorted.clear()

    def _sort(self) -> None:
        if not self._unsorted:
            return
        self._recent += self._unsorted
        self._recent.sort()
        self._unsorted.clear()
        if len(self._recent) > max(_RECENT_MAX, len(self._sorted) // 8):
            self._sorted += self._recent
            self._sorted.sort()
            self._recent.clear()
