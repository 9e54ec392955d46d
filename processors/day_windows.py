"""Windows of days: the merged sums of the last days of a series, in event time."""

from collections.abc import Iterator
from functools import lru_cache

from processors.keys import day_of_key
from processors.options import DAY_US
from processors.parts import joined
from processors.store import Store
from processors.window_sums import WindowSums


def day_of(at: int | None) -> int | None:
    """Return the UTC day, counted from 1970, of a time in microseconds; None for one not stated.

    >>> day_of(0), day_of(-1), day_of(DAY_US), day_of(None)
    (0, -1, 1, None)
    """
    return None if at is None else at // DAY_US


# A day of former times is read again with every pair of today; large ones are not kept.
KEPT_DAYS, KEPT_BYTES_MAX = 4_096, 512
_kept = lru_cache(KEPT_DAYS)(WindowSums.from_bytes)


def _sums(data: bytes) -> WindowSums:
    """Return the sums of a day, to be read only."""
    return _kept(data) if len(data) <= KEPT_BYTES_MAX else WindowSums.from_bytes(data)


def day_windows(
    store: Store, prefix: bytes, windows: tuple[int, ...]
) -> Iterator[tuple[int, WindowSums]]:
    """Yield (N, sums) for each window of N days, N ≥ 1, by ascending N.

    A window ends with the newest day that has a record under `prefix`; nothing is yielded without
    one. At most as many records are read as the largest window has days.

    >>> from processors.keys import SeriesKeys
    >>> from processors.parts import put_parts
    >>> from processors.series import Compared, SeriesName
    >>> from processors.store import MemoryStore
    >>> store, keys = MemoryStore(), SeriesKeys(b"net", SeriesName("1", None, None))
    >>> for day in (3, 9, 10):
    ...     sums = WindowSums(); sums.add(Compared(1.0, 1.0, None, None, None), None)
    ...     put_parts(store, keys.day(day), sums.to_bytes())
    >>> [(days, sums.n) for days, sums in day_windows(store, keys.days, (1, 7, 8))]
    [(1, 1), (7, 2), (8, 3)]
    """
    merged, newest = WindowSums(), None
    waiting = sorted(set(windows))
    for key, first in store.scan(prefix, reverse=True):
        day = day_of_key(key)
        newest = day if newest is None else newest
        while waiting and newest - day >= waiting[0]:
            yield waiting.pop(0), merged.copy()
        if not waiting:
            return
        merged.merge(_sums(joined(store, key, first)))
    if newest is not None:
        for days in waiting:
            yield days, merged.copy()
