"""The bytes of events that were just read, for who writes them again in a moment."""

from schemas.events import Outcome, Prediction

BODIES_KEPT_MAX = 30_000
BODY_BYTES_MAX = 1_000

Body = tuple[Prediction | Outcome, bytes]


class KeptBodies:
    """The Avro records of predictions and outcomes that were read or written lately.

    They are found by the event's identity; the event is held, so that no other can have it. What
    BODIES_KEPT_MAX others came after without anybody asking for it is forgotten.
    """

    def __init__(self) -> None:
        self._young: dict[int, Body] = {}
        self._old: dict[int, Body] = {}

    def keep(self, event: Prediction | Outcome, body: bytes) -> None:
        """Keep the record of an event."""
        if len(body) <= BODY_BYTES_MAX:
            if len(self._young) >= BODIES_KEPT_MAX:
                self._young, self._old = {}, self._young
            self._young[id(event)] = (event, body)

    def get(self, event: Prediction | Outcome) -> bytes | None:
        """Return the record of an event, or None when it is not known."""
        kept = self._young.get(id(event))
        if kept is None:
            kept = self._old.get(id(event))
            if kept is None or kept[0] is not event:
                return None
            self.keep(*kept)
        return kept[1] if kept[0] is event else None
