"""Whether outcomes still come while predictions do: a model without labels is not healthy."""

from typing import NamedTuple

from processors.alerts.subject import Subject
from processors.keys import LABELS, labels_key
from processors.label_coverage import Growth
from processors.options import DAY_US
from processors.record_layout import RecordLayout
from processors.store import Store


class _Seen(NamedTuple):
    """When an outcome and a prediction came last, None before the first tick; and what was said."""

    labelled_at: int | None
    predicted_at: int | None
    silent: bool


_SEEN = RecordLayout(_Seen)


class Labels:
    """Tells of the subjects of a lane whose predictions nobody answers; all of it in the store.

    Time is that of the ticks. A subject is silent when its last labelled prediction, or the first
    prediction at all, lies `after_days` back, and predictions came later and within that time. It
    stays so until one is labelled.

    >>> from processors.store import MemoryStore
    >>> store, labels, about = MemoryStore(), Labels(14), Subject("net", "1", "a")
    >>> labels.grown(about, Growth(5, 5), 0, store)
    False
    >>> labels.grown(about, Growth(5, 0), DAY_US, store), labels.tick(13 * DAY_US, store)
    (False, [])
    >>> labels.tick(14 * DAY_US, store)
    [(Subject(model_id='net', model_version='1', assay_id='a'), 0)]
    >>> labels.grown(about, Growth(0, 1), 15 * DAY_US, store)
    True
    """

    def __init__(self, after_days: int) -> None:
        self._after_us = after_days * DAY_US

    def grown(self, about: Subject, growth: Growth, now: int | None, store: Store) -> bool:
        """Take how many predictions were made and labelled; return whether a silence has ended.

        `now` is the time of the last tick, None before the first.
        """
        key = labels_key(about.lane_key, about.model_version)
        data = store.get(key)
        seen = _Seen(now, now, False) if data is None else _SEEN.unpack(data)
        after = seen
        if growth.predictions > 0:
            after = after._replace(predicted_at=now)
        if growth.labelled > 0:
            after = after._replace(labelled_at=now, silent=False)
        if data is None or after != seen:
            store.put(key, _SEEN.pack(after))
        return seen.silent and not after.silent

    def tick(self, now: int, store: Store) -> list[tuple[Subject, int]]:
        """Take the time; return the subjects that fell silent, each with since when."""
        fell: list[tuple[Subject, int]] = []
        changed: list[tuple[bytes, bytes]] = []
        for key, value in store.scan(LABELS):
            seen = _SEEN.unpack(value)
            labelled = now if seen.labelled_at is None else seen.labelled_at
            predicted = now if seen.predicted_at is None else seen.predicted_at
            long_ago = now - self._after_us
            silent = seen.silent or (labelled <= long_ago < predicted and predicted > labelled)
            after = _Seen(labelled, predicted, silent)
            if after != seen:
                changed.append((key, _SEEN.pack(after)))
            if silent and not seen.silent:
                fell.append((Subject.of_key(key), labelled))
        for key, value in changed:
            store.put(key, value)
        return fell
