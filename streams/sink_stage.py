"""The sink stage: every topic rests in ClickHouse."""

from collections.abc import Sequence
from typing import Protocol

from processors.store import Store
from schemas.codec import Codec
from schemas.errors import DataError
from schemas.events import DeadLetter, Event, Tick
from schemas.topics import SHORT_NAMES, digest, key_of


class Sink(Protocol):
    """Where events come to rest; writing a row again must change nothing."""

    def write(self, topic: str, events: Sequence[Event], token: str) -> None:
        """Write events of one topic.

        Raises UnavailableError when they must be written later, DataError when never.
        """


class SinkProcessor:
    """Collects events and writes them at each checkpoint; see `processors.processor.Processor`.

    What was written and not yet checkpointed is written again after a failure: rows have
    deterministic ids and versions, so that changes nothing.
    """

    working = False

    def __init__(self, sink: Sink, codec: Codec) -> None:
        self._sink = sink
        self._codec = codec
        self._buffers: dict[str, list[Event]] = {}
        # Kept over a flush that could not end: its rows are in no buffer any more.
        self._refused: list[Event] = []
        self._sequence = 0

    def prepare(self, events: Sequence[Event], store: Store) -> None:
        """Do nothing: rows need nothing that is known."""

    def process(self, event: Event, sequence: int, store: Store) -> list[Event]:
        """Take one event; the time is nothing that rests."""
        self._sequence = sequence
        if isinstance(event, Tick):
            return []
        self._buffers.setdefault(SHORT_NAMES[type(event)], []).append(event)
        return []

    def flush(self, store: Store, quiet: bool) -> list[Event]:
        """Write what was collected and return dead letters for what is refused for good.

        Raises UnavailableError with all of it kept.
        """
        for topic in list(self._buffers):
            self._refused += self._write(topic, self._buffers[topic])
            del self._buffers[topic]
        refused, self._refused = self._refused, []
        return refused

    def _write(self, topic: str, events: Sequence[Event]) -> list[Event]:
        first, last = repr(tuple(events[0])), repr(tuple(events[-1]))
        token = digest(topic, str(self._sequence), str(len(events)), first, last)
        try:
            self._sink.write(topic, events, token)
        except DataError as error:
            if len(events) == 1:
                return [self._dead_letter(topic, events[0], error)]
            half = len(events) // 2
            return self._write(topic, events[:half]) + self._write(topic, events[half:])
        return []

    def _dead_letter(self, topic: str, event: Event, error: DataError) -> DeadLetter:
        payload = self._codec.encode(event)
        return DeadLetter(
            dead_letter_id=digest("sink", topic, payload.hex()),
            origin=f"sink of {topic}",
            partition=None,
            position=self._sequence,
            column=error.column,
            schema_id=None,
            error=type(error).__name__,
            reason=str(error),
            key=key_of(event),
            payload=payload,
        )
