"""The processor under simulation: its outputs show every loss, doubling and disorder.

Per input kind and molecule it counts the events since the last retraction. Every event is answered
with the count it made; when all is quiet, each count that changed is said once more, some at each
flush. Counts are kept at hand and written by `flush`; a retraction deletes, so that a tombstone
that is missed brings an old count back.
"""

from collections.abc import Callable, Sequence

from processors.store import Store
from schemas.errors import OursError
from schemas.events import Event, Metric, Outcome, Prediction, Tick

SAID_AT_ONCE = 2
EVERY, QUIET = "every", "quiet"
COUNT_KEY, UNSAID_KEY, SEQUENCE_KEY = b"c", b"u", b"s"


class LostSequence(OursError):
    """The lane's sequence did not grow with every event: its state is not of its offsets."""


class Tally:
    """See above; `breaks` is asked before each event whether our side fails."""

    def __init__(self, breaks: Callable[[], bool]) -> None:
        self._counts: dict[bytes, int] = {}
        self._sequence: int | None = None
        self._breaks = breaks
        self._saying = False

    @property
    def working(self) -> bool:
        """Whether counts are being said."""
        return self._saying

    def prepare(self, events: Sequence[Event], store: Store) -> None:
        pass

    def process(self, event: Event, sequence: int, store: Store) -> list[Event]:
        """Count one prediction or outcome; a tick counts for the sequence only."""
        assert isinstance(event, (Prediction, Outcome, Tick))
        if self._breaks():
            raise OursError("the processor broke")
        if self._sequence is None:
            self._sequence = int(store.get(SEQUENCE_KEY) or 0)
        if sequence <= self._sequence:
            raise LostSequence(f"sequence {sequence} follows {self._sequence}")
        self._sequence = sequence
        if isinstance(event, Tick):
            return []
        name = f"{type(event).__name__}\x1f{event.molecule_id}".encode()
        if event.retracted:
            self._counts[name] = 0
        else:
            known = self._counts.get(name)
            if known is None:
                known = int(store.get(COUNT_KEY + name) or 0)
            self._counts[name] = known + 1
        return [_metric(name, event.event_id, EVERY, self._counts[name])]

    def flush(self, store: Store, quiet: bool) -> list[Event]:
        """Write the counts; say those that changed when all is quiet."""
        for name, count in self._counts.items():
            if count:
                store.put(COUNT_KEY + name, b"%d" % count)
            else:
                store.delete(COUNT_KEY + name)
            store.put(UNSAID_KEY + name, b"")
        if self._sequence is not None:
            store.put(SEQUENCE_KEY, b"%d" % self._sequence)
        self._counts.clear()
        if not (quiet or self._saying):
            return []
        unsaid = [key[len(UNSAID_KEY) :] for key, _ in store.scan(UNSAID_KEY)]
        said, self._saying = unsaid[:SAID_AT_ONCE], len(unsaid) > SAID_AT_ONCE
        for name in said:
            store.delete(UNSAID_KEY + name)
        return [_metric(n, "", QUIET, int(store.get(COUNT_KEY + n) or 0)) for n in said]


def _metric(name: bytes, event_id: str, window: str, count: int) -> Metric:
    kind, molecule = name.decode().split("\x1f")
    return Metric(
        kind, event_id, molecule, None, None, window, "n", None, None, None, count, None, 0
    )
