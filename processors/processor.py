"""What a stage does to events: the seam between the pure core and what drives it."""

from collections.abc import Sequence
from typing import Protocol

from processors.store import Store
from schemas.events import Event


class Processor(Protocol):
    """A deterministic function of its lane's log and store.

    It may keep what the store will hold after the next `flush`; a driver that gives up a checkpoint
    gives up the processor too and makes a new one from the store.
    """

    @property
    def working(self) -> bool:
        """Whether work waits that `flush` does piece by piece, though no event comes any more."""

    def prepare(self, events: Sequence[Event], store: Store) -> None:
        """Read ahead for events that are about to come, each by `process`; nothing follows."""

    def process(self, event: Event, sequence: int, store: Store) -> list[Event]:
        """Take one event and return what follows from it.

        `sequence` grows with every event of the lane. Raises DataError, before any change to the
        store, when the event must be rejected.
        """

    def flush(self, store: Store, quiet: bool) -> list[Event]:
        """Write to the store what was kept, and return what is due.

        `quiet` says that no more input is waiting: everything is due then, but for what `working`
        tells of.
        """
