"""What is summed of the pairs of a window: exact, revertible, and mergeable."""

from collections.abc import Sequence
from typing import NamedTuple

from processors.record_layout import RecordLayout
from processors.series import Compared
from processors.summaries.confusion import Confusion
from processors.summaries.moments import Moments
from processors.summaries.sums import Terms, added_up


class _Stored(NamedTuple):
    """Sums as a record holds them; b"" is a summary without pairs."""

    n: int
    moments: bytes
    confusion: bytes


_STORED = RecordLayout(_Stored)


# A pair and its `terms_of`.
Summed = tuple[Compared, Terms | None]


def terms_of(compared: Compared) -> Terms | None:
    """Return a pair's share in the numeric sums, for many windows; None if it has no two numbers.

    Raises InvalidValueError when a number is not finite.

    >>> terms_of(Compared(None, 1.0, "a", "b", None)) is None
    True
    """
    if compared.predicted is None or compared.measured is None:
        return None
    return Moments.terms(compared.predicted, compared.measured)


def summed_of(compared: Compared) -> Summed:
    """Return a pair as it is taken into sums and out; raises as `terms_of`.

    >>> summed_of(Compared(None, 1.0, "a", "b", None))[1] is None
    True
    """
    return compared, terms_of(compared)


class Total(NamedTuple):
    """Pairs, for several windows: how many, their numeric sums in parts, and their labels."""

    n: int
    numeric: list[tuple[Terms, int]]
    labels: list[tuple[str, str]]


def total_of(pairs: Sequence[Summed]) -> Total:
    """Return the total of pairs, each beside its `terms_of`; sooner than adding them one by one.

    >>> total_of([(Compared(None, None, "a", "b", None), None)])
    Total(n=1, numeric=[], labels=[('a', 'b')])
    """
    numeric = [terms for _, terms in pairs if terms is not None]
    labels = [
        (pair.predicted_label, pair.measured_label)
        for pair, _ in pairs
        if pair.predicted_label is not None and pair.measured_label is not None
    ]
    return Total(len(pairs), added_up(numeric) if numeric else [], labels)


class WindowSums:
    """A window of pairs, reduced to counts and sums; `n` counts every scored pair, ranked ones too.

    >>> pair = Compared(1.5, 1.0, None, None, None)
    >>> day, window = WindowSums(), WindowSums()
    >>> day.add(pair, terms_of(pair)); window.merge(day); window.merge(day)
    >>> window.n, window.moments.mean_error(), window.confusion.n
    (2, 0.5, 0)
    >>> WindowSums.from_bytes(day.to_bytes()).moments == day.moments
    True
    >>> both = WindowSums(); both.add_total(total_of([(pair, terms_of(pair))] * 2))
    >>> both.to_bytes() == window.to_bytes()
    True
    """

    __slots__ = ("confusion", "moments", "n")

    def __init__(self) -> None:
        self.n = 0
        self.moments = Moments()
        self.confusion = Confusion()

    def add(self, pair: Compared, terms: Terms | None) -> None:
        """Take in a pair whose `terms_of` is `terms`."""
        self.n += 1
        if terms is not None:
            self.moments.add(terms)
        if pair.predicted_label is not None and pair.measured_label is not None:
            self.confusion.update(pair.predicted_label, pair.measured_label)

    def add_total(self, total: Total) -> None:
        """Take in pairs by their total."""
        self.n += total.n
        for terms, n in total.numeric:
            self.moments.add_all(terms, n)
        for said, truth in total.labels:
            self.confusion.update(said, truth)

    def remove(self, pair: Compared, terms: Terms | None) -> None:
        """Take out a pair that was taken in; RefusedStateError when the window cannot hold it."""
        self.n -= 1
        if terms is not None:
            self.moments.subtract(terms)
        if pair.predicted_label is not None and pair.measured_label is not None:
            self.confusion.revert(pair.predicted_label, pair.measured_label)

    def merge(self, other: "WindowSums") -> None:
        """Take in all pairs of `other`, which stays as it is."""
        self.n += other.n
        if other.moments.n:
            self.moments.merge(other.moments)
        if other.confusion.n:
            self.confusion.merge(other.confusion)

    def copy(self) -> "WindowSums":
        """Return a window of the same pairs that changes on its own."""
        window = WindowSums()
        window.merge(self)
        return window

    def to_bytes(self) -> bytes:
        """Return the sums as bytes; equal windows give equal bytes."""
        moments = self.moments.to_bytes() if self.moments.n else b""
        confusion = self.confusion.to_bytes() if self.confusion.n else b""
        return _STORED.pack(_Stored(self.n, moments, confusion))

    @classmethod
    def from_bytes(cls, data: bytes) -> "WindowSums":
        """Return the sums that `to_bytes` wrote; RefusedStateError when the bytes are damaged."""
        stored, window = _STORED.unpack(data), cls()
        window.n = stored.n
        if stored.moments:
            window.moments = Moments.from_bytes(stored.moments)
        if stored.confusion:
            window.confusion = Confusion.from_bytes(stored.confusion)
        return window
