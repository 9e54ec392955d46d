"""The sink stage: every topic rests in ClickHouse."""

from collections.abc import Sequence
from typing import Protocol

from processors.store import Store
from schemas.events import Event
from schemas.topics import TOPICS, digest

_SHORT_NAMES = {event_type: short for short, event_type in TOPICS.items()}


class Sink(Protocol):
    """Where events come to rest; writing a row again must change nothing."""

    def write(self, topic: str, events: Sequence[Event], token: str) -> None:
        """Write events of one topic; raises UnavailableError when they must be written later."""


class SinkProcessor:
    """Collects events and writes them at each checkpoint; see `processors.processor.Processor`.

    What was written and not yet checkpointed is written again after a failure: rows have
    deterministic ids and versions, so that changes nothing.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffers: dict[str, list[Event]] = {}
        self._sequence = 0

    def process(self, event: Event, sequence: int, store: Store) -> list[Event]:
        """Take one event."""
        self._sequence = sequence
        buffer = self._buffers.setdefault(_SHORT_NAMES[type(event)], [])
        buffer.append(event)
        return []

    def flush(self, store: Store, quiet: bool) -> list[Event]:
        """Write what was collected; raises UnavailableError with all of it kept."""
        for topic in list(self._buffers):
            events = self._buffers[topic]
            token = digest(topic, str(self._sequence), str(len(events)), _first_id(events[0]))
            self._sink.write(topic, events, token)
            del self._buffers[topic]
        return []


def _first_id(event: Event) -> str:
    return repr(tuple(event)[:3])
