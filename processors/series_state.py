"""The state of one series: what its `all` window holds, and its watch."""

from base64 import b64decode, b64encode

import orjson

from processors.series import Scored, SeriesName
from processors.summaries.confusion import Confusion
from processors.summaries.moments import Moments
from processors.watch import Watch


class SeriesState:
    """What the store holds of a series.

    `changed` counts pairs since its metrics were published; `published` names those that ever were.

    >>> state = SeriesState(SeriesName("1", None, None))
    >>> record = Scored("1", 5, (None,) * 4, 1.5, 1.0, None, None, None)
    >>> state.add(record); state.n, state.changed
    (1, 1)
    >>> state.remove(record); state.n
    0
    """

    def __init__(self, name: SeriesName) -> None:
        self.name = name
        self.n = 0
        self.changed = 0
        self.moments = Moments()
        self.confusion = Confusion()
        self.watch = Watch()
        self.published: list[str] = []

    def _count(self, by: int) -> None:
        self.n += by
        self.changed += 1

    def add(self, record: Scored) -> None:
        """Take a scored pair into the `all` window."""
        self._count(1)
        if record.predicted is not None and record.measured is not None:
            self.moments.update(record.predicted, record.measured)
        if record.predicted_label is not None and record.measured_label is not None:
            self.confusion.update(record.predicted_label, record.measured_label)

    def remove(self, record: Scored) -> None:
        """Take a scored pair out of the `all` window."""
        self._count(-1)
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
                b64encode(self.moments.to_bytes()).decode(),
                b64encode(self.confusion.to_bytes()).decode(),
                self.published,
                self.watch.state(),
            ]
        )

    @classmethod
    def from_bytes(cls, name: SeriesName, data: bytes) -> "SeriesState":
        """Return the state that `to_bytes` wrote."""
        state = cls(name)
        state.n, state.changed, moments, confusion, state.published, watch = orjson.loads(data)
        state.moments = Moments.from_bytes(b64decode(moments))
        state.confusion = Confusion.from_bytes(b64decode(confusion))
        state.watch = Watch(watch)
        return state
