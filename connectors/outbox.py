"""Messages on their way to Kafka, which leave once the places of their events are remembered."""

import time
from collections.abc import Callable
from typing import NamedTuple

from connectors.event_places import Change, EventPlaces, Subject
from connectors.moved_events import Place, move, retraction, text_of
from schemas.events import Outcome, Prediction

HELD_MAX = 1_000
HELD_BYTES_MAX = 4 * 2**20
HELD_S_MAX = 0.1
MOVED_MAX = 10_000

Headers = dict[str, str | bytes | None]


class Sending(NamedTuple):
    """One message as it goes to Kafka."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers | None


class Outbox:
    """Holds up to HELD_MAX messages or 4 MiB back while as many are being written.

    What was held longer than 0.1 s leaves with the next message at the latest. Places that are
    not lasting hold nothing up. Every method raises
    what EventPlaces raise; the messages held are then dropped.
    """

    def __init__(self, places: EventPlaces, send: Callable[[Sending], None]) -> None:
        self._places = places
        self._holds = places.lasting
        self._send = send
        self._held: list[Sending] = []
        self._held_bytes = 0
        self._held_since = 0.0
        self._in_writing: list[Sending] = []
        self._moved: dict[Subject, Change] = {}

    @property
    def full(self) -> bool:
        """Whether so many events have moved that it is time to have them acknowledged."""
        return len(self._moved) >= MOVED_MAX

    def admit(self, event: Prediction | Outcome, key: bytes) -> list[Prediction | Outcome]:
        """Remember that an event goes to a key; return the retractions that must go ahead of it.

        Raises InvalidValueError for an event that is at another key in the same revision.
        """
        subject = (type(event), event.event_id)
        known = self._places.get(subject)
        here = text_of(Place(key.decode(), event.revision))
        if known == here:
            return []
        if not known:
            self._places.put(subject, Change(known, here))
            return []
        retractions, noted, settled = move(event, key.decode(), known)
        if noted != known:
            self._places.put(subject, Change(known, noted))
        if settled != noted:
            self._moved[subject] = Change(noted, settled)
        return [retraction(event, place) for place in retractions]

    def add(self, message: Sending) -> None:
        """Send a message, now or together with others."""
        if not self._holds:
            self._send(message)
            return
        now = time.monotonic()
        if not self._held:
            self._held_since = now
        self._held.append(message)
        self._held_bytes += len(message.value)
        if now - self._held_since > HELD_S_MAX:
            self.empty()
        elif len(self._held) >= HELD_MAX or self._held_bytes > HELD_BYTES_MAX:
            self._write()

    def _write(self) -> None:
        """Begin to write what is held; those whose writing had begun before leave."""
        self._leave()
        self._in_writing, self._held, self._held_bytes = self._held, [], 0
        try:
            self._places.write()
        except BaseException:
            self.drop()
            raise

    def _leave(self) -> None:
        leaving, self._in_writing = self._in_writing, []
        try:
            self._places.written()
            for message in leaving:
                self._send(message)
        except BaseException:
            self.drop()
            raise

    def empty(self) -> None:
        """Send everything."""
        self._write()
        self._leave()

    def settle(self) -> None:
        """Let go of former places, once everything was acknowledged."""
        moved, self._moved = self._moved, {}
        self._places.settle(moved)

    def unsettle(self) -> None:
        """Keep former places, since not everything was acknowledged."""
        self._moved.clear()

    def drop(self) -> None:
        """Drop what is held; what may have been sent stays remembered."""
        self._held, self._held_bytes, self._in_writing = [], 0, []
        self.unsettle()

    def close(self) -> None:
        """Drop what is held and let go of the files."""
        self.drop()
        self._places.close()
