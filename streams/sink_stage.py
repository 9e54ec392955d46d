"""The sink stage: every topic rests in ClickHouse."""

from collections.abc import Sequence

from processors.store import Store
from schemas.codec import Codec
from schemas.errors import DataError
from schemas.events import AlertCommand, DeadLetter, Event, Tick
from schemas.topics import SHORT_NAMES, digest, key_of
from streams.grouped_writes import GroupedWrites, Rows, Sink

# So many rows are worth an insert of their own, beside those of other lanes.
ROWS_ALONE_MIN = 10_000


class SinkProcessor:
    """Collects events and writes them at each checkpoint; see `processors.processor.Processor`.

    What was written and not yet checkpointed is written again after a failure: rows have
    deterministic ids and versions, so that changes nothing. `grouped` is what the lanes of a
    process share, so that few rows of each go in together; None: the lane writes alone.
    """

    working = False

    def __init__(self, sink: Sink, codec: Codec, grouped: GroupedWrites | None = None) -> None:
        self._alone = GroupedWrites(sink)
        self._grouped = grouped or self._alone
        self._codec = codec
        self._buffers: dict[str, list[Event]] = {}
        # Kept over a flush that could not end: its rows are in no buffer any more.
        self._refused: list[Event] = []
        self._sequence = 0

    def prepare(self, events: Sequence[Event], store: Store) -> None:
        """Do nothing: rows need nothing that is known."""

    def process(self, event: Event, sequence: int, store: Store) -> list[Event]:
        """Take one event; of the time and of commands only what follows rests."""
        self._sequence = sequence
        if isinstance(event, (Tick, AlertCommand)):
            return []
        self._buffers.setdefault(SHORT_NAMES[type(event)], []).append(event)
        return []

    def flush(self, store: Store, quiet: bool) -> list[Event]:
        """Write what was collected and return dead letters for what is refused for good.

        Raises UnavailableError with all of it kept.
        """
        wanted = [self._rows(topic, events) for topic, events in self._buffers.items()]
        several = sum(len(rows.events) for rows in wanted) < ROWS_ALONE_MIN
        outcomes = (self._grouped if several else self._alone).write_all(wanted)
        for rows in wanted:
            error = outcomes[rows.topic]
            if isinstance(error, DataError):
                self._refused += self._halved(rows, error)
            elif error is not None:
                raise error
            del self._buffers[rows.topic]
        refused, self._refused = self._refused, []
        return refused

    def _rows(self, topic: str, events: Sequence[Event]) -> Rows:
        ends = (repr(tuple(events[0])), repr(tuple(events[-1])))
        return Rows(topic, events, digest(topic, str(self._sequence), str(len(events)), *ends))

    def _halved(self, rows: Rows, error: DataError) -> list[Event]:
        """Write all of what was refused but the rows that are why; return letters for those."""
        topic, events = rows.topic, rows.events
        if len(events) == 1:
            return [self._dead_letter(topic, events[0], error)]
        half = len(events) // 2
        letters: list[Event] = []
        for part in (self._rows(topic, events[:half]), self._rows(topic, events[half:])):
            outcome = self._alone.write_all([part])[topic]
            if isinstance(outcome, DataError):
                letters += self._halved(part, outcome)
            elif outcome is not None:
                raise outcome
        return letters

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
