"""Series: what is watched and measured. One model version in one assay, whole or by one segment."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from processors.record_layout import RecordLayout
from schemas.events import CONTEXT_FIELDS, Pair


class Compared(NamedTuple):
    """What metrics read of one pair; None means not stated."""

    predicted: float | None
    measured: float | None
    predicted_label: str | None
    measured_label: str | None
    probability: float | None

    def to_bytes(self) -> bytes:
        """Return the record as compact bytes."""
        return _COMPARED.pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Compared":
        """Return the record that `to_bytes` wrote.

        >>> compared = Compared(1.5, 1.0, None, "hit", None)
        >>> Compared.from_bytes(compared.to_bytes()) == compared
        True
        """
        return _COMPARED.unpack(data)

    @staticmethod
    def joined(records: Sequence[bytes]) -> bytes:
        """Return records that `to_bytes` wrote as one, for `from_joined`."""
        return _COMPARED.joined(records)

    @staticmethod
    def joined_of(each: Sequence["Compared"]) -> bytes:
        """Return some as one record, for `from_joined`; equal ones give equal bytes."""
        return _COMPARED.joined_of(each)

    @classmethod
    def from_joined(cls, data: bytes) -> "list[Compared]":
        """Return the records that were `joined`, in less time than one by one.

        >>> pair = Compared(1.5, 1.0, None, None, None)
        >>> Compared.from_joined(Compared.joined([pair.to_bytes()])) == [pair]
        True
        >>> Compared.from_joined(Compared.joined_of([pair])) == [pair]
        True
        """
        return _COMPARED.unpack_joined(data)


class Scored(NamedTuple):
    """What metrics and detectors need of one pair; None means not stated.

    `at` is measured_at in microseconds; `context` follows CONTEXT_FIELDS, then any factor that has
    no field of its own. An empty `molecule_id` is not known.
    """

    model_version: str
    at: int | None
    context: tuple[str | None, ...]
    predicted: float | None
    measured: float | None
    predicted_label: str | None
    measured_label: str | None
    probability: float | None
    molecule_id: str = ""
    domain_rank: float | None = None

    @property
    def compared(self) -> Compared:
        """What of the pair a window's row holds."""
        return Compared(*self[3:8])

    @property
    def numeric(self) -> bool:
        """Whether the pair compares two numbers."""
        return self.predicted is not None and self.measured is not None

    @property
    def labelled(self) -> bool:
        """Whether the pair compares two labels."""
        return self.predicted_label is not None and self.measured_label is not None

    @property
    def error(self) -> float | None:
        """Prediction − outcome; for labels 1 if they differ, else 0; None if neither is there."""
        if self.predicted is not None and self.measured is not None:
            return self.predicted - self.measured
        if self.labelled:
            return float(self.predicted_label != self.measured_label)
        return None

    def to_bytes(self) -> bytes:
        """Return the record as compact bytes."""
        return _SCORED.pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Scored":
        """Return the record that `to_bytes` wrote.

        >>> scored = Scored("1", 5, ("L1", None, None, None), 1.5, 1.0, None, None, None)
        >>> Scored.from_bytes(scored.to_bytes()) == scored
        True
        """
        return _SCORED.unpack(data)


_COMPARED, _SCORED = RecordLayout(Compared), RecordLayout(Scored)


def scored(pair: Pair) -> Scored | None:
    """Return what of a pair enters accuracy, or None when nothing does.

    Superseded, retrospective and retracted pairs do not, nor do censored outcomes, whose value is
    only a bound.
    """
    prediction, outcome = pair.prediction, pair.outcome
    if pair.status != "paired" or outcome.qualifier not in (None, "="):
        return None
    # By position: by name takes twice as long.
    result = Scored(
        prediction.model_version,
        outcome.measured_at,
        tuple(outcome.context),
        pair.predicted,
        pair.measured,
        prediction.label,
        outcome.label,
        prediction.probability,
        outcome.molecule_id,
    )
    ranked = result.probability is not None and result.measured_label is not None
    return result if result.numeric or result.labelled or ranked else None


class SeriesName(NamedTuple):
    """One model version, whole (`field` None) or where a context field has a value."""

    model_version: str
    field: str | None
    value: str | None

    def to_bytes(self) -> bytes:
        """Return the name as a part of a key."""
        return "\x1f".join((self.model_version, self.field or "", self.value or "")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "SeriesName":
        """Return the name that `to_bytes` wrote.

        >>> SeriesName.from_bytes(SeriesName("1", "operator", "ann").to_bytes()).value
        'ann'
        """
        version, field, value = data.decode().split("\x1f")
        return cls(version, field or None, value or None)


def series_of(record: Scored) -> tuple[SeriesName, ...]:
    """Return the series a scored pair belongs to: the whole one first, then one per stated factor.

    >>> [s.value for s in series_of(Scored("1", 5, ("L1", None, "ann", None), *[None] * 5))]
    [None, 'L1', 'ann']
    """
    return _series_of(record.model_version, record.context)


_name = lru_cache(10_000)(SeriesName)


# Results come by the plate: most have the context of one of those just before.
@lru_cache(2_000)
def _series_of(version: str, context: tuple[str | None, ...]) -> tuple[SeriesName, ...]:
    stated = [
        _name(version, field, value)
        for field, value in zip(CONTEXT_FIELDS, context, strict=True)
        if value is not None
    ]
    return (_name(version, None, None), *stated)
