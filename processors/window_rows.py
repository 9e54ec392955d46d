"""The newest pairs of a series, as a store holds them, and the windows they make."""

from functools import cached_property
from hashlib import blake2b
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from processors.keys import SeriesKeys, time_of
from processors.row_runs import newest_rows
from processors.series import Compared
from processors.store import Store
from processors.summaries.confusion import Confusion
from processors.summaries.exact_terms import exact_terms
from processors.summaries.values import Values
from processors.window_sums import WindowSums

Numbers = npt.NDArray[np.float64]
Column = tuple[float | None, ...]


class WindowRows:
    """Up to `pairs` of the newest pairs of a series, newest first; `at` is the newest's time.

    >>> from processors.keys import row_of
    >>> from processors.row_runs import put_rows
    >>> from processors.series import SeriesName
    >>> from processors.store import MemoryStore
    >>> keys, store = SeriesKeys(b"net", SeriesName("1", None, None)), MemoryStore()
    >>> for at in (1, 2, 3):
    ...     pair = Compared(at + 0.5, float(at), None, None, None)
    ...     put_rows(store, keys.rows, {row_of(at, b"i" * 16): pair.to_bytes()})
    >>> rows = WindowRows(keys, store, 2)
    >>> rows.at, rows.sums(0, 2).moments.mean_error(), rows.values(1).predicted.tolist()
    (3, 0.5, [3.5])
    """

    def __init__(self, keys: SeriesKeys, store: Store, pairs: int) -> None:
        rows = newest_rows(store, keys.rows, pairs)
        self._newest = rows[0][0] if rows else b""
        self._pairs = [pair for _, pair in rows]
        self.at = time_of(self._newest) if rows else None

    def digest(self, pairs: int) -> bytes:
        """Return 16 bytes that are equal as long as the newest `pairs` and their time are."""
        digest = blake2b(self._newest, digest_size=16)
        digest.update(Compared.joined_of(self._pairs[:pairs]))
        return digest.digest()

    def sums(self, start: int, end: int) -> WindowSums:
        """Return the sums of the pairs from place `start` to `end`, 0 being the newest."""
        window = WindowSums()
        window.n = len(self._pairs[start:end])
        counts, predicted, measured = self._numbers
        held = slice(counts[start], counts[start + window.n])
        for terms, n in exact_terms(predicted[held], measured[held]):
            window.moments.add_all(terms, n)
        said, truth = self._columns[2][start:end], self._columns[3][start:end]
        window.confusion = Confusion.of(
            (a, b) for a, b in zip(said, truth, strict=True) if a is not None and b is not None
        )
        return window

    def values(self, pairs: int) -> Values | None:
        """Return the values of the newest `pairs`, None when they have none."""
        counts, predicted, measured = self._numbers
        numeric = counts[pairs]
        counts, probabilities, labels = self._probabilities
        ranked = counts[pairs]
        if not numeric and not ranked:
            return None
        return Values(
            predicted[:numeric], measured[:numeric], probabilities[:ranked], labels[:ranked]
        )

    @cached_property
    def _columns(
        self,
    ) -> tuple[Column, Column, tuple[str | None, ...], tuple[str | None, ...], Column]:
        if not self._pairs:
            return (), (), (), (), ()
        predicted, measured, said, truth, probability = zip(*self._pairs, strict=True)
        return predicted, measured, said, truth, probability

    @cached_property
    def _numbers(self) -> tuple[list[int], Numbers, Numbers]:
        """How many of the first 0, 1, … pairs compare numbers, and these numbers."""
        predicted, measured = self._columns[:2]
        held = [a is not None and b is not None for a, b in zip(predicted, measured, strict=True)]
        at = np.array(held, np.bool_)
        numbers = [np.array(column, np.float64)[at] for column in (predicted, measured)]
        return list(accumulate(held, initial=0)), numbers[0], numbers[1]

    @cached_property
    def _probabilities(self) -> tuple[list[int], Numbers, list[str]]:
        truth, probability = self._columns[3:]
        held = [a is not None and b is not None for a, b in zip(truth, probability, strict=True)]
        numbers = np.array(probability, np.float64)[np.array(held, np.bool_)]
        labels = [
            a for a, b in zip(truth, probability, strict=True) if a is not None and b is not None
        ]
        return list(accumulate(held, initial=0)), numbers, labels
