"""Where events come to rest, in memory: it may be away, refuse rows, or lose its answer."""

from collections.abc import Callable, Sequence

from schemas.errors import InvalidValueError, UnavailableError
from schemas.events import Event, Metric

# This molecule's rows are refused for good.
REFUSED_MOLECULE = "m0"


class SimulatedSink:
    """What ReplacingMergeTree keeps: one row per identity. See `streams.sink_stage.Sink`."""

    def __init__(self, rows: set[Event], step: Callable[[str], None], away: Callable[[], bool]):
        self._rows, self._step, self._away = rows, step, away

    def write(self, topic: str, events: Sequence[Event], token: str) -> None:
        """Write events; see `streams.sink_stage.Sink.write`."""
        self._step(f"write {len(events)} {topic} to the sink")
        if self._away():
            raise UnavailableError("the sink is away")
        if any(refused(event) for event in events):
            raise InvalidValueError("the sink refuses a row")
        self._rows.update(events)
        self._step(f"wrote {topic} to the sink")
        if self._away():
            raise UnavailableError("the sink did not answer")


def refused(event: Event) -> bool:
    """Return whether the sink refuses this event for good."""
    return isinstance(event, Metric) and event.assay_id == REFUSED_MOLECULE
