"""The newest pairs of a series, as a store holds them, and the windows they make."""

from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from processors.keys import SeriesKeys, time_of
from processors.record_layout import RecordLayout
from processors.row_columns import Numbers, newest_columns
from processors.store import Store
from processors.summaries.confusion import Confusion
from processors.summaries.exact_terms import exact_terms
from processors.summaries.values import Values
from processors.window_sums import WindowSums

Counts = npt.NDArray[np.int64]

_LABELS = RecordLayout(list[list[str | None]])


class WindowRows:
    """Up to `pairs` of the newest pairs of a series, newest first; `at` is the newest's time.

    >>> from processors.keys import row_of
    >>> from processors.row_runs import put_rows
    >>> from processors.series import Compared, SeriesName
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
        self._rows = newest_columns(store, keys.rows, pairs)
        newest = self._rows.newest
        self.at = time_of(newest) if newest else None

    def digest(self, pairs: int) -> bytes:
        """Return 16 bytes that are equal as long as the newest `pairs` and their time are."""
        rows = self._rows
        digest = blake2b(rows.newest, digest_size=16)
        for numbers in (rows.predicted, rows.measured, rows.probability):
            digest.update(numbers[:pairs].tobytes())
        digest.update(_LABELS.pack([rows.predicted_label[:pairs], rows.measured_label[:pairs]]))
        return digest.digest()

    def sums(self, start: int, end: int) -> WindowSums:
        """Return the sums of the pairs from place `start` to `end`, 0 being the newest."""
        window = WindowSums()
        said, truth = self._rows.predicted_label[start:end], self._rows.measured_label[start:end]
        window.n = len(said)
        counts, predicted, measured = self._numbers
        held = slice(counts[start], counts[start + window.n])
        for terms, n in exact_terms(predicted[held], measured[held]):
            window.moments.add_all(terms, n)
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
    def _numbers(self) -> tuple[Counts, Numbers, Numbers]:
        """How many of the first 0, 1, … pairs compare numbers, and these numbers."""
        predicted, measured = self._rows.predicted, self._rows.measured
        held = ~(np.isnan(predicted) | np.isnan(measured))
        return _counts(held), predicted[held], measured[held]

    @cached_property
    def _probabilities(self) -> tuple[Counts, Numbers, list[str]]:
        """How many of the first 0, 1, … pairs rank a label by its probability, and these."""
        probability = self._rows.probability
        stated = np.array([label is not None for label in self._rows.measured_label], np.bool_)
        held = stated & ~np.isnan(probability)
        ranked = zip(self._rows.measured_label, held.tolist(), strict=True)
        labels = [label for label, is_held in ranked if is_held and label is not None]
        return _counts(held), probability[held], labels


def _counts(held: npt.NDArray[np.bool_]) -> Counts:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(held)))
