"""The rows of a series in runs: what a checkpoint brought of a series is few records, not many.

A run is a record of rows in their order, under the name of its last one. Each row is in one run, so
no two runs share a name. Rows of different spans of time are in different runs, so that whoever
looks for rows of a time need not read all that came later.
"""

from collections.abc import Iterator, Mapping
from operator import itemgetter

from processors.keys import ROW_BYTES, row_of, time_of
from processors.options import DAY_US
from processors.series import Compared
from processors.store import Store

# A run is read and written whole for one row of it, and must not outgrow a record of a store.
RUN_ROWS_MAX = 64
RUN_BYTES_MAX = 30_000
SPAN_US = 28 * DAY_US
_COUNT_BYTES = 2
_NAME = itemgetter(0)

# Its name, which is its time and pair id as `processors.keys.row_of` gives them, and its values.
Row = tuple[bytes, Compared]


def put_rows(store: Store, prefix: bytes, rows: Mapping[bytes, bytes]) -> None:
    """Keep rows, one or more, that are in no run yet: `Compared.to_bytes` of each by its name.

    >>> from processors.store import MemoryStore
    >>> store, pair = MemoryStore(), Compared(1.5, 1.0, None, None, None).to_bytes()
    >>> put_rows(store, b"w", {row_of(at, b"i" * 16): pair for at in (2, 1, SPAN_US)})
    >>> len(list(store.scan(b"w"))), [time_of(name) for name, _ in newest_rows(store, b"w", 2)]
    (2, [2419200000000, 2])
    """
    for run in _cut(sorted(rows), rows):
        _put_run(store, prefix, run, Compared.joined([rows[name] for name in run]))


def _put_run(store: Store, prefix: bytes, names: list[bytes], values: bytes) -> None:
    count = len(names).to_bytes(_COUNT_BYTES, "big")
    store.put(prefix + names[-1], b"".join((count, *names, values)))


def _cut(names: list[bytes], rows: Mapping[bytes, bytes]) -> Iterator[list[bytes]]:
    """Yield sorted names in parts that may be runs."""
    sizes = [ROW_BYTES + len(rows[name]) for name in names]
    together = _span(names[0]) == _span(names[-1])
    if together and len(names) <= RUN_ROWS_MAX and sum(sizes) <= RUN_BYTES_MAX:
        yield names
        return
    run, total = names[:1], sizes[0]
    for name, size in zip(names[1:], sizes[1:], strict=True):
        total += size
        if len(run) == RUN_ROWS_MAX or total > RUN_BYTES_MAX or _span(name) != _span(run[0]):
            yield run
            run, total = [], size
        run.append(name)
    yield run


def _span(name: bytes) -> int | None:
    """Return the number of the span that a row lies in, also of a key that ends with its name."""
    at = time_of(name)
    return None if at is None else at // SPAN_US


def _names(run: bytes) -> list[bytes]:
    end = _COUNT_BYTES + int.from_bytes(run[:_COUNT_BYTES], "big") * ROW_BYTES
    return [run[at : at + ROW_BYTES] for at in range(_COUNT_BYTES, end, ROW_BYTES)]


def rows_of(run: bytes) -> Iterator[Row]:
    """Return the rows of a run in their order; RefusedStateError when its values are damaged.

    >>> from processors.store import MemoryStore
    >>> store, pair = MemoryStore(), Compared(1.5, 1.0, None, None, None)
    >>> put_rows(store, b"w", {row_of(5, b"i" * 16): pair.to_bytes()})
    >>> [values == pair for _, run in store.scan(b"w") for _, values in rows_of(run)]
    [True]
    """
    names = _names(run)
    values = Compared.from_joined(run[_COUNT_BYTES + len(names) * ROW_BYTES :])
    return zip(names, values, strict=True)


def remove_row(store: Store, prefix: bytes, name: bytes) -> None:
    """Remove a row; one that is not there is no error.

    >>> from processors.store import MemoryStore
    >>> store, one, two = MemoryStore(), row_of(1, b"i" * 16), row_of(2, b"i" * 16)
    >>> put_rows(store, b"w", dict.fromkeys((one, two), Compared(*[None] * 5).to_bytes()))
    >>> remove_row(store, b"w", two); [key[1:] == one for key, _ in store.scan(b"w")]
    [True]
    >>> remove_row(store, b"w", one); remove_row(store, b"w", one); list(store.scan(b"w"))
    []
    """
    for key, run in store.scan(prefix, start=prefix + name):
        if name in _names(run):
            break
        if _span(key) != _span(name):
            return
    else:
        return
    store.delete(key)
    left = [row for row in rows_of(run) if row[0] != name]
    if left:
        names, values = zip(*left, strict=True)
        _put_run(store, prefix, list(names), Compared.joined_of(values))


def newest_rows(store: Store, prefix: bytes, count: int) -> list[Row]:
    """Return up to `count` ≥ 1 rows, newest first; at most one run more than these is read.

    >>> from processors.store import MemoryStore
    >>> newest_rows(MemoryStore(), b"w", 5)
    []
    """
    found: list[Row] = []
    for key, run in store.scan(prefix, reverse=True):
        if len(found) >= count:
            found.sort(key=_NAME, reverse=True)
            del found[count:]
            # All that is left is older than the last row of this run.
            if found[-1][0] > key[-ROW_BYTES:]:
                return found
        found += rows_of(run)
    found.sort(key=_NAME, reverse=True)
    return found[:count]


def rows_between(store: Store, prefix: bytes, start: int, end: int) -> list[Row]:
    """Return the rows from time `start` to before `end`, in microseconds, in their order.

    >>> from processors.store import MemoryStore
    >>> store, pair = MemoryStore(), Compared(1.5, 1.0, None, None, None)
    >>> put_rows(store, b"w", {row_of(at, b"i" * 16): pair.to_bytes() for at in range(5)})
    >>> [time_of(name) for name, _ in rows_between(store, b"w", 1, 3)]
    [1, 2]
    """
    first, behind = row_of(start, b""), row_of(end, b"")
    found: list[Row] = []
    for key, run in store.scan(prefix, start=prefix + first):
        span = _span(key)
        if span is not None and span * SPAN_US >= end:
            break
        found += [row for row in rows_of(run) if first <= row[0] < behind]
    return sorted(found, key=_NAME)
