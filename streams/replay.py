"""The same topology over events in hand: no broker, no clock, a dict for a store."""

from collections import deque
from collections.abc import Iterable, Iterator

from processors.options import DEFAULTS, Options
from processors.store import MemoryStore
from processors.topology import TOPOLOGY
from schemas.codec import Codec
from schemas.events import Event
from schemas.topics import SHORT_NAMES


class Replay:
    """Runs every stage of the topology in one process, one event at a time."""

    def __init__(self, codec: Codec, options: Options = DEFAULTS) -> None:
        self._stages = [
            (stage, stage.make_processor(codec, options, 0), MemoryStore()) for stage in TOPOLOGY
        ]
        self._sequence = 0

    def feed(self, event: Event) -> list[Event]:
        """Take one event of an input topic; return all that follows from it, in order.

        Raises DataError when a stage rejects the event.
        """
        return self._passed_on([event])

    def _passed_on(self, events: list[Event]) -> list[Event]:
        said: list[Event] = []
        waiting = deque(events)
        while waiting:
            current = waiting.popleft()
            for stage, processor, store in self._stages:
                if SHORT_NAMES[type(current)] in stage.inputs:
                    self._sequence += 1
                    followed = processor.process(current, self._sequence, store)
                    said += followed
                    waiting += followed
        return said

    def finish(self) -> list[Event]:
        """Return what was held back until no more input waits."""
        said: list[Event] = []
        for _, processor, store in self._stages:
            flushed = processor.flush(store, quiet=True)
            while processor.working:
                flushed += processor.flush(store, quiet=True)
            said += flushed + self._passed_on(flushed)
        return said

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Feed all events, then finish; yield all that follows."""
        for event in events:
            yield from self.feed(event)
        yield from self.finish()
