"""Label coverage: what part of a model version's predictions the bench has answered."""

from typing import NamedTuple

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.intervals import wilson_interval
from processors.keys import (
    COVERAGE_PENDING,
    COVERAGE_TOLD,
    coverage_key,
    lane_prefix,
    split,
)
from processors.publication import is_due
from processors.record_layout import RecordLayout
from processors.store import Store
from processors.window_metrics import ALL
from schemas.events import Coverage, Metric
from schemas.topics import SEPARATOR, monitor_key

LABEL_COVERAGE = "label_coverage"


class _Counts(NamedTuple):
    """The newest counts of one lane of the join."""

    row_version: int
    labelled: int
    expired: int
    predictions: int = 0


class Growth(NamedTuple):
    """How many predictions a lane of the join has taken in and labelled since it last told."""

    predictions: int
    labelled: int


class _Told(NamedTuple):
    """What was last published."""

    labelled: int
    expired: int


_COUNTS, _TOLD, _SEQUENCE = RecordLayout(_Counts), RecordLayout(_Told), RecordLayout(int)

Place = tuple[bytes, str]


def coverage_estimate(labelled: int, expired: int) -> Estimate:
    """Return labelled / (labelled + expired) with Wilson's 95 % interval; n is the denominator.

    Predictions that are still open may be answered yet and do not count against the model.
    Undefined when none is labelled or expired. Source: E. B. Wilson, Journal of the American
    Statistical Association 22 (1927), 209-212.

    >>> coverage_estimate(8, 2).value, coverage_estimate(0, 0).value
    (0.8, None)
    """
    n = labelled + expired
    if not n:
        return undefined(0, "no prediction is labelled or expired")
    return estimate(n, labelled / n, wilson_interval(labelled, n))


class LabelCoverage:
    """Sums the counts of the join's lanes by model version and publishes their coverage.

    >>> from processors.store import MemoryStore
    >>> coverage, store = LabelCoverage(), MemoryStore()
    >>> coverage.take(Coverage("net", "1", "logP", 0, 9, 3, 0, 1), 1, store)
    Growth(predictions=9, labelled=3)
    >>> coverage.take(Coverage("net", "1", "logP", 1, 9, 3, 2, 1), 2, store)
    Growth(predictions=9, labelled=3)
    >>> [(m.value, m.n) for m in coverage.flush(store, quiet=True)]
    [(0.75, 8)]
    """

    def __init__(self) -> None:
        self._changed: dict[Place, int] = {}
        self._pending: dict[Place, int] | None = None

    def take(self, event: Coverage, sequence: int, store: Store) -> Growth:
        """Keep the counts of a lane unless newer ones are known; return what they have grown by.

        `sequence` becomes the row_version of what follows.
        """
        subject = monitor_key(event.model_id, event.assay_id)
        key = lane_prefix(subject, event.model_version) + event.lane.to_bytes(4, "big")
        known = store.get(key)
        last = _Counts(0, 0, 0) if known is None else _COUNTS.unpack(known)
        if known is not None and last.row_version >= event.row_version:
            return Growth(0, 0)
        counts = _Counts(event.row_version, event.labelled, event.expired, event.predictions)
        store.put(key, _COUNTS.pack(counts))
        self._changed[subject, event.model_version] = sequence
        return Growth(counts.predictions - last.predictions, counts.labelled - last.labelled)

    def flush(self, store: Store, quiet: bool) -> list[Metric]:
        """Return the coverage that is due: when `quiet` all that changed, else what did by a part.

        What is not due yet is noted in the store.
        """
        pending = self._noted(store)
        due = {**pending, **self._changed} if quiet else self._changed
        said: list[Metric] = []
        for place, sequence in due.items():
            subject, version = place
            now = self._summed(place, store)
            told_key = coverage_key(subject, version, COVERAGE_TOLD)
            told = store.get(told_key)
            last = None if told is None else _TOLD.unpack(told)
            if last != now and not quiet and not _changed_enough(last, now):
                pending[place] = sequence
                note = coverage_key(subject, version, COVERAGE_PENDING)
                store.put(note, _SEQUENCE.pack(sequence))
                continue
            if last != now:
                said.append(_metric(place, now, sequence))
                store.put(told_key, _TOLD.pack(now))
            if pending.pop(place, None) is not None:
                store.delete(coverage_key(subject, version, COVERAGE_PENDING))
        self._changed.clear()
        return said

    def _noted(self, store: Store) -> dict[Place, int]:
        if self._pending is None:
            self._pending = {}
            for key, value in store.scan(COVERAGE_PENDING):
                subject, version = split(key)
                self._pending[subject, version.decode()] = _SEQUENCE.unpack(value)
        return self._pending

    @staticmethod
    def _summed(place: Place, store: Store) -> _Told:
        lanes = [_COUNTS.unpack(value) for _, value in store.scan(lane_prefix(*place))]
        return _Told(sum(lane.labelled for lane in lanes), sum(lane.expired for lane in lanes))


def _changed_enough(told: _Told | None, now: _Told) -> bool:
    if told is None:
        return True
    moved = abs(now.labelled - told.labelled) + abs(now.expired - told.expired)
    return is_due(moved, sum(now))


def _metric(place: Place, counts: _Told, sequence: int) -> Metric:
    subject, version = place
    model_id, assay_id = subject.decode().split(SEPARATOR)
    found = coverage_estimate(counts.labelled, counts.expired)
    return Metric(
        model_id=model_id,
        model_version=version,
        assay_id=assay_id,
        segment_field=None,
        segment_value=None,
        window=ALL,
        metric=LABEL_COVERAGE,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        at=None,
        row_version=sequence,
    )
