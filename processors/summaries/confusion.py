"""Counts of predicted label by measured label."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from processors.summaries.binary import damaged, decode, encode, integers
from processors.summaries.positive import positive_label
from processors.summaries.summary import Summary
from schemas.errors import RefusedStateError

FORMAT = 1


class Tally(NamedTuple):
    """One class against the rest: how often it was predicted, measured, and both (`hits`)."""

    hits: int
    predicted: int
    measured: int

    @property
    def false_positives(self) -> int:
        """How often it was predicted where another was measured."""
        return self.predicted - self.hits

    @property
    def false_negatives(self) -> int:
        """How often it was measured where another was predicted."""
        return self.measured - self.hits


class Confusion(Summary):
    """How often each label was predicted where each label was measured.

    `positive` is the label that precision, recall and F-beta are about; None leaves the choice to
    `positive.positive_label`. It is a setting of the reader, fixed from the start: neither stored
    nor compared.

    >>> window = Confusion()
    >>> for predicted, measured in (("hit", "hit"), ("hit", "miss"), ("miss", "miss")):
    ...     window.update(predicted, measured)
    >>> window.revert("hit", "miss")
    >>> window.n, dict(window.counts)
    (2, {('hit', 'hit'): 1, ('miss', 'miss'): 1})
    """

    __slots__ = ("_counts", "_positive_class", "_tallies", "n", "positive")

    def __init__(self, positive: str | None = None) -> None:
        self.n = 0
        self.positive = positive
        # Worked out of the counts when asked, and kept until they change.
        self._tallies: dict[str, Tally] | None = None
        self._positive_class: str | None = None
        self._counts: dict[tuple[str, str], int] = {}

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """Counts above zero by (predicted, measured).

        >>> Confusion().counts
        {}
        """
        return self._counts

    def labels(self) -> list[str]:
        """Return every label predicted or measured in the window, sorted.

        >>> window = Confusion(); window.update("b", "a"); window.labels()
        ['a', 'b']
        """
        return list(self.tallies())

    def tallies(self) -> Mapping[str, Tally]:
        """Return the counts of every label against all others, by label in order.

        >>> window = Confusion(); window.update("hit", "miss"); window.tallies()["hit"]
        Tally(hits=0, predicted=1, measured=0)
        """
        if self._tallies is None:
            predicted: dict[str, int] = {}
            measured: dict[str, int] = {}
            for (said, truth), count in self._counts.items():
                predicted[said] = predicted.get(said, 0) + count
                measured[truth] = measured.get(truth, 0) + count
            self._tallies = {
                label: Tally(
                    self._counts.get((label, label), 0),
                    predicted.get(label, 0),
                    measured.get(label, 0),
                )
                for label in sorted(predicted.keys() | measured.keys())
            }
            self._positive_class = positive_label(self._tallies, self.positive)
        return self._tallies

    def positive_class(self) -> str | None:
        """Return the label that rates of one class are about, None where there is no telling.

        >>> window = Confusion(); window.update("hit", "miss"); window.positive_class()
        'hit'
        """
        self.tallies()
        return self._positive_class

    def update(self, predicted: str, measured: str) -> None:
        """Take a pair of labels in.

        >>> window = Confusion(); window.update("b", "a"); window.n
        1
        """
        cell = (predicted, measured)
        self._tallies = None
        self._counts[cell] = self._counts.get(cell, 0) + 1
        self.n += 1

    def revert(self, predicted: str, measured: str) -> None:
        """Take out a pair of labels that was taken in; RefusedStateError when it is not held.

        >>> window = Confusion(); window.update("b", "a"); window.revert("b", "a"); window.n
        0
        """
        cell = (predicted, measured)
        self._tallies = None
        count = self._counts.get(cell, 0)
        if count > 1:
            self._counts[cell] = count - 1
        elif count == 1:
            del self._counts[cell]
        else:
            raise RefusedStateError(
                "A window was asked to give up a pair of labels it does not hold; "
                "rebuild the store from its topics."
            )
        self.n -= 1

    def merge(self, other: "Confusion") -> None:
        """Take in all pairs of labels of `other`, which stays as it is.

        >>> window, day = Confusion(), Confusion()
        >>> day.update("b", "a"); window.merge(day); window.merge(day); dict(window.counts)
        {('b', 'a'): 2}
        """
        self._tallies = None
        for cell, count in other._counts.items():
            self._counts[cell] = self._counts.get(cell, 0) + count
        self.n += other.n

    @classmethod
    def of(cls, labels: Iterable[tuple[str, str]]) -> Self:
        """Return a window of pairs of labels, (predicted, measured).

        >>> dict(Confusion.of([("b", "a"), ("b", "a")]).counts)
        {('b', 'a'): 2}
        """
        window = cls()
        window._counts = dict(Counter(labels))
        window.n = sum(window._counts.values())
        return window

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Confusion):
            return NotImplemented
        return self._counts == other._counts

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Confusion(n={self.n}, positive={self.positive!r})"

    def to_bytes(self) -> bytes:
        """Return the counts as bytes; equal windows give equal bytes.

        >>> window = Confusion(); window.update("b", "a"); window.to_bytes()
        b'\\x01\\x01\\x02\\x01a\\x01b\\x01\\x01\\x01\\x00\\x01\\x01'
        """
        labels = self.labels()
        place = {label: index for index, label in enumerate(labels)}
        fields: list[int | bytes] = [len(labels), *(label.encode() for label in labels)]
        for (predicted, measured), count in sorted(self._counts.items()):
            fields += (place[predicted], place[measured], count)
        return encode(FORMAT, fields)

    @classmethod
    def from_bytes(cls, data: bytes, positive: str | None = None) -> Self:
        """Return the window that `to_bytes` wrote, to be read with `positive`.

        Raises RefusedStateError when the format is another one or the bytes are damaged.

        >>> window = Confusion(); window.update("b", "a")
        >>> Confusion.from_bytes(window.to_bytes()) == window
        True
        """
        fields = decode(FORMAT, data)
        size = integers(fields[:1])[0] if fields else -1
        if not 0 <= size < len(fields) or (len(fields) - 1 - size) % 3:
            raise damaged(f"{len(fields)} fields for {size} labels")
        try:
            labels = [field.decode() for field in fields[1 : size + 1]]
        except UnicodeDecodeError as error:
            raise damaged("a label is not UTF-8") from error
        cells = integers(fields[size + 1 :])
        window = cls(positive)
        for predicted, measured, count in zip(cells[::3], cells[1::3], cells[2::3], strict=True):
            if not (0 <= predicted < len(labels) and 0 <= measured < len(labels) and count > 0):
                raise damaged(f"cell {predicted}, {measured} holds {count}")
            window._counts[labels[predicted], labels[measured]] = count
            window.n += count
        return window
