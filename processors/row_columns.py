"""The newest rows of a series by columns: for large windows a fraction of what rows would take."""

from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from processors.keys import ROW_BYTES
from processors.row_runs import Row, rows_of
from processors.store import Store

Numbers = npt.NDArray[np.float64]
Labels = list[str | None]

# So many rows are read as records before they become columns: most runs hold few.
ROWS_AT_ONCE = 512
_NAME = itemgetter(0)


class RowColumns(NamedTuple):
    """Rows newest first; numbers that are not stated are NaN. `newest` is b"" without rows."""

    newest: bytes
    predicted: Numbers
    measured: Numbers
    probability: Numbers
    predicted_label: Labels
    measured_label: Labels


def newest_columns(store: Store, prefix: bytes, count: int) -> RowColumns:
    """Return up to `count` ≥ 1 rows of a series, as `processors.row_runs.newest_rows` has them.

    Raises RefusedStateError when a run is damaged.

    >>> from processors.keys import row_of
    >>> from processors.row_runs import put_rows
    >>> from processors.series import Compared
    >>> from processors.store import MemoryStore
    >>> store, name = MemoryStore(), row_of(5, b"i" * 16)
    >>> put_rows(store, b"w", {name: Compared(1.5, None, "hit", None, None).to_bytes()})
    >>> found = newest_columns(store, b"w", 2)
    >>> found.newest == name, found.predicted, found.measured, found.predicted_label
    (True, array([1.5]), array([nan]), ['hit'])
    """
    read = _Read()
    part: list[Row] = []
    for key, run in store.scan(prefix, reverse=True):
        if len(part) >= ROWS_AT_ONCE or read.n + len(part) >= count:
            read.take(part)
            part = []
            # All that is left is older than the last row of this run.
            if read.n >= count and read.name_of(count) > key[-ROW_BYTES:]:
                break
        part += rows_of(run)
    read.take(part)
    numbers, said, truth = read.columns()
    predicted, measured, probability = numbers[:, :count]
    return RowColumns(read.newest, predicted, measured, probability, said[:count], truth[:count])


class _Read:
    """Rows as columns, in the parts that they were taken in."""

    def __init__(self) -> None:
        # How many rows were taken, and their names.
        self.n = 0
        self._names: list[bytes] = []
        self._numbers: list[Numbers] = []
        self._said: Labels = []
        self._truth: Labels = []
        # Rows are read one by one, and their labels with them: thousands of a few.
        self._known: dict[str | None, str | None] = {}

    @property
    def newest(self) -> bytes:
        """The name of the newest row, b"" without rows."""
        return max(self._names, default=b"")

    def name_of(self, place: int) -> bytes:
        """Return the name of the newest row but `place` − 1."""
        return sorted(self._names, reverse=True)[place - 1]

    def take(self, part: list[Row]) -> None:
        """Take rows in any order; none is well."""
        if not part:
            return
        part.sort(key=_NAME, reverse=True)
        names, pairs = zip(*part, strict=True)
        predicted, measured, said, truth, probability = zip(*pairs, strict=True)
        self.n += len(part)
        self._names += names
        self._numbers.append(
            np.array([_column(predicted), _column(measured), _column(probability)])
        )
        for labels, held in ((said, self._said), (truth, self._truth)):
            none_stated = labels.count(None) == len(labels)
            held += labels if none_stated else map(self._known.setdefault, labels, labels)

    def columns(self) -> tuple[Numbers, Labels, Labels]:
        """Return all that was taken, newest first: three rows of numbers, and labels."""
        numbers = np.concatenate([np.empty((3, 0)), *self._numbers], axis=1)
        names, said, truth = self._names, self._said, self._truth
        if len(self._numbers) < 2 or names == sorted(names, reverse=True):
            return numbers, said, truth
        order = sorted(range(len(names)), key=names.__getitem__, reverse=True)
        return numbers[:, order], [said[at] for at in order], [truth[at] for at in order]


def _column(values: tuple[float | None, ...]) -> Numbers:
    # NumPy turns one None after the other into a NaN, in four times the time of a number.
    if values.count(None) == len(values):
        return np.full(len(values), np.nan)
    return np.array(values, np.float64)
