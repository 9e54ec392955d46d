"""Rows of features, numbers and categories mixed, some not stated, and distances between them."""

import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

FEATURES_MAX, NAMES_BYTES_MAX = 500, 12_000
# No single feature decides beyond so many SD: rare marks and outliers count as different, not more.
DIFFERENCE_MAX_SD = 5.0
# Two categories differ as two values drawn at random do, by the square root of two SD.
CATEGORY_DIFFERENCE_SQUARED = 2.0
FLOAT32_MAX = 3e38
# Differences beyond DIFFERENCE_MAX_SD are alike, so nothing is lost beyond this.
SCALED_MAX = 1e18
# Median absolute deviation to the SD of a normal distribution.
SD_PER_DEVIATION = 1.4826
# A scale that all rows' equal values give: any other value is as different as can be.
SCALE_MIN_PART = 1e-6


class Layout(NamedTuple):
    """Which features a row holds: numbers and marks (categories), each by name in order."""

    numbers: tuple[str, ...]
    marks: tuple[str, ...]


class FeatureRow(NamedTuple):
    """One molecule's features: float32 numbers, NaN not stated, and uint32 marks, 0 not stated."""

    numbers: npt.NDArray[np.float32]
    marks: npt.NDArray[np.uint32]

    @property
    def stated(self) -> bool:
        """Whether the row states any feature."""
        return bool(np.any(self.marks) or not np.all(np.isnan(self.numbers)))


def layout_of(features: Mapping[str, float | str]) -> Layout:
    """Return the layout that a molecule's features give: the first 500 by name, 12 KB of names.

    >>> layout_of({"logP": 1.0, "series": "A"})
    Layout(numbers=('logP',), marks=('series',))
    """
    names, size = [], 0
    for name in sorted(features)[:FEATURES_MAX]:
        size += len(name.encode())
        if size <= NAMES_BYTES_MAX:
            names.append(name)
    marks = tuple(name for name in names if isinstance(features[name], str))
    return Layout(tuple(name for name in names if name not in marks), marks)


def mark_of(text: str) -> int:
    """Return a text's hash, 1 to 2**32 − 1.

    >>> mark_of("A") == mark_of("A") != mark_of("B")
    True
    """
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") or 1


def read_row(features: Mapping[str, float | str], layout: Layout) -> FeatureRow:
    """Return a molecule's features in the order of a layout.

    >>> read_row({"logP": 1.5}, Layout(("logP", "mass"), ()))
    FeatureRow(numbers=array([1.5, nan], dtype=float32), marks=array([], dtype=uint32))
    """
    numbers = np.array([_number(features.get(name)) for name in layout.numbers], np.float32)
    marks = np.array([_mark(features.get(name)) for name in layout.marks], np.uint32)
    return FeatureRow(numbers, marks)


def _number(value: float | str | None) -> float:
    if value is None or isinstance(value, str) or not math.isfinite(value):
        return math.nan
    return min(max(value, -FLOAT32_MAX), FLOAT32_MAX)


def _mark(value: float | str | None) -> int:
    return mark_of(value) if isinstance(value, str) else 0


class FeatureRows:
    """The rows of a reference; `scales` is one SD of each number, None to take it from the rows.

    A scale is the median absolute deviation as an SD, or the SD itself where over half the values
    are equal, so that an outlier among the rows does not blunt its feature.

    >>> layout = Layout(("logP",), ())
    >>> rows = np.array([0.0, 1.0, 2.0], np.float32).tobytes()
    >>> FeatureRows(layout, rows, b"", None).scales
    array([1.4826])
    """

    def __init__(
        self, layout: Layout, numbers: bytes, marks: bytes, scales: Numbers | None
    ) -> None:
        width, mark_width = len(layout.numbers), len(layout.marks)
        count = len(numbers) // (4 * width) if width else len(marks) // (4 * mark_width)
        rows = np.frombuffer(numbers, np.float32).reshape(count, width).astype(float)
        self._layout = layout
        self._marks = np.frombuffer(marks, np.uint32).reshape(count, mark_width)
        self.scales = _scales(rows) if scales is None else scales
        # About a value of each column's own, so that float32 holds their differences.
        self._centre = np.nan_to_num(rows[0]) if count else np.zeros(width)
        self._scaled = self._scale(rows)
        self._gaps = bool(np.isnan(rows).any() or (self._marks == 0).any())

    def _scale(self, numbers: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        scaled = (numbers - self._centre) / self.scales
        return np.maximum(np.minimum(scaled, SCALED_MAX), -SCALED_MAX).astype(np.float32)

    def unseen_category(self, row: FeatureRow) -> str | None:
        """Return the name of a feature whose category no row has, or None.

        >>> layout = Layout((), ("series",)); a = read_row({"series": "A"}, layout)
        >>> rows = FeatureRows(layout, b"", a.marks.tobytes(), None)
        >>> rows.unseen_category(a), rows.unseen_category(read_row({"series": "B"}, layout))
        (None, 'series')
        """
        if not row.marks.size:
            return None
        unseen = (row.marks != 0) & ~(self._marks == row.marks).any(axis=0)
        return self._layout.marks[int(np.argmax(unseen))] if unseen.any() else None

    def distance(self, row: FeatureRow, neighbours: int) -> float | None:
        """Return a row's mean distance to its nearest neighbours, in SD of a feature.

        A distance is the root mean square difference over the features that both state; None when
        no row shares one.

        >>> layout = Layout(("logP",), ())
        >>> values = np.array([0.0, 1.0, 2.0], np.float32).tobytes()
        >>> rows = FeatureRows(layout, values, b"", np.array([0.5]))
        >>> rows.distance(read_row({"logP": 1.5}, layout), 2)
        1.0
        """
        return _nearest(self._distances_to(self._scale(row.numbers), row.marks), neighbours)

    def distances(self, neighbours: int) -> Numbers:
        """Return each row's mean distance to its nearest neighbours among the others.

        Infinite where a row shares no feature with the others.
        """
        found = []
        for index in range(len(self._scaled)):
            to_all = self._distances_to(self._scaled[index], self._marks[index])
            nearest = _nearest(np.delete(to_all, index), neighbours)
            found.append(math.inf if nearest is None else nearest)
        return np.array(found)

    def _distances_to(
        self, scaled: npt.NDArray[np.float32], marks: npt.NDArray[np.uint32]
    ) -> Numbers:
        difference = self._scaled - scaled
        np.minimum(difference, DIFFERENCE_MAX_SD, out=difference)
        np.maximum(difference, -DIFFERENCE_MAX_SD, out=difference)
        width = difference.shape[1] + self._marks.shape[1]
        if not self._gaps and marks.all() and not np.isnan(scaled).any():
            total = np.einsum("ij,ij->i", difference, difference)
            if marks.size:
                total += CATEGORY_DIFFERENCE_SQUARED * (self._marks != marks).sum(axis=1)
            alike: Numbers = np.sqrt(total / width).astype(float)
            return alike
        known, both = ~np.isnan(difference), (self._marks != 0) & (marks != 0)
        squares = np.where(known, difference * difference, 0).sum(axis=1)
        others = CATEGORY_DIFFERENCE_SQUARED * ((self._marks != marks) & both).sum(axis=1)
        shared = known.sum(axis=1) + both.sum(axis=1)
        found: Numbers = np.full(len(shared), np.inf)
        np.divide(squares + others, shared, out=found, where=shared > 0)
        np.sqrt(found, out=found)
        return found


def _nearest(distances: Numbers, neighbours: int) -> float | None:
    distances = distances[np.isfinite(distances)]
    if not distances.size:
        return None
    count = min(neighbours, distances.size)
    distances.partition(count - 1)
    return float(distances[:count].sum()) / count


def _scales(numbers: Numbers) -> Numbers:
    scales = np.ones(numbers.shape[1])
    for column, values in enumerate(numbers.T):
        stated = values[~np.isnan(values)]
        if not stated.size:
            continue
        deviation = np.abs(stated - np.median(stated))
        scale = SD_PER_DEVIATION * float(np.median(deviation)) or float(np.std(stated))
        least = SCALE_MIN_PART * float(np.max(np.abs(stated)))
        scales[column] = max(scale, least) or SCALE_MIN_PART
    return scales
