"""The state of one series: what its `all` window holds, and its watch."""

from base64 import b64decode, b64encode

import orjson

from processors.series import Scored, SeriesName
from processors.summaries.confusion import Confusion
from processors.summaries.moments import Moments
from processors.watch import Watch


class SeriesState:
    """What the store holds of a series.

    `changed` counts pairs since its metrics were published and `sequence` is that of the last of
    them; `published` holds the (window, metric) that stand.

    >>> state = SeriesState(SeriesName("1", None, None))
    >>> record = Scored("1", 5, (None,) * 4, 1.5, 1.0, None, None, None)
    >>> state.add(record, 7); state.n, state.changed, state.sequence
    (1, 1, 7)
    >>> state.remove(record, 8); state.n
    0
    """

    def __init__(self, name: SeriesName) -> None:
        self.name = name
        self.n = 0
        self.changed = 0
        self.sequence = 0
        self.moments = Moments()
        self.confusion = Confusion()
        self.watch = Watch()
        self.published: set[tuple[str, str]] = set()

    def _count(self, by: int, sequence: int) -> None:
        self.n += by
        self.changed += 1
        self.sequence = sequence

    def add(self, record: Scored, sequence: int) -> None:
        """Take a scored pair into the `all` window."""
        self._count(1, sequence)
        if record.predicted is not None and record.measured is not None:
            self.moments.update(record.predicted, record.measured)
        if record.predicted_label is not None and record.measured_label is not None:
            self.confusion.update(record.predicted_label, record.measured_label)

    def remove(self, record: Scored, sequence: int) -> None:
        """Take a scored pair out of the `all` window."""
        self._count(-1, sequence)
        if record.predicted is not None and record.measured is not None:
            self.moments.revert(record.predicted, record.measured)
        if record.predicted_label is not None and record.measured_label is not None:
            self.confusion.revert(record.predicted_label, record.measured_label)

    def to_bytes(self) -> bytes:
        """Return the state as the store holds it."""
        return orjson.dumps(
            [
                self.n,
                self.changed,
                self.sequence,
                b64encode(self.moments.to_bytes()).decode(),
                b64encode(self.confusion.to_bytes()).decode(),
                sorted(self.published),
                self.watch.state(),
            ]
        )

    @classmethod
    def from_bytes(cls, name: SeriesName, data: bytes) -> "SeriesState":
        """Return the state that `to_bytes` wrote."""
        state = cls(name)
        state.n, state.changed, state.sequence, *rest = orjson.loads(data)
        moments, confusion, published, watch = rest
        state.published = {(window, metric) for window, metric in published}
        state.moments = Moments.from_bytes(b64decode(moments))
        state.confusion = Confusion.from_bytes(b64decode(confusion))
        state.watch = Watch(watch)
        return state
