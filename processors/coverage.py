"""Label coverage: how many predictions of a model version in an assay the bench has answered."""

import struct
from functools import lru_cache
from typing import NamedTuple

from processors.store import Store
from schemas.events import Coverage
from schemas.topics import SEPARATOR, canonical

COVERAGE = b"c"
_LAYOUT = struct.Struct(">QQQQ?")
# Under load counts are told when this part of them has changed.
TOLD_CHANGED_PART = 0.02


class Place(NamedTuple):
    """What is counted by: a model version in an assay."""

    model_id: str
    model_version: str
    assay_id: str


@lru_cache(10_000)
def place_of(model_id: str, model_version: str, assay_id: str) -> Place:
    """Return where a prediction is counted.

    >>> place_of("net", "1", " a ").assay_id
    'a'
    """
    return Place(model_id, model_version, canonical(assay_id))


class _Counts:
    """Predictions, labelled and expired; `version` says how often they were told."""

    __slots__ = ("changes", "expired", "labelled", "predictions", "summed", "untold", "version")

    def __init__(self, data: bytes | None = None) -> None:
        fields = _LAYOUT.unpack(data) if data is not None else (0, 0, 0, 0, False)
        self.predictions, self.labelled, self.expired, self.version, self.untold = fields
        # How many changes a former owner has not told is not known: they are due.
        self.changes = self.predictions if self.untold else 0
        # What of it is in the lane's sum of open predictions.
        self.summed = 0

    def resum(self) -> int:
        """Return by how much the open predictions grew since this was last asked."""
        before, self.summed = self.summed, self.predictions - self.labelled - self.expired
        return self.summed - before

    def to_bytes(self) -> bytes:
        return _LAYOUT.pack(
            self.predictions, self.labelled, self.expired, self.version, self.untold
        )


def outbid(told: Coverage, store: Store) -> None:
    """Have the counts of a lane told next with a row_version above that of `told`.

    For a store that was made anew from the events: how often its counts were told before is in
    none of them.

    >>> from processors.store import MemoryStore
    >>> store = MemoryStore()
    >>> outbid(Coverage("net", "1", "logP", 0, 9, 3, 0, row_version=7), store)
    >>> counts = CoverageCounts(lane=0)
    >>> counts.add(Place("net", "1", "logP"), store, 1, 0, 0)
    >>> [c.row_version for c in counts.flush(store, quiet=True)]
    [8]
    """
    place = Place(told.model_id, told.model_version, told.assay_id)
    counts = _Counts(store.get(_key(place)))
    if counts.version < told.row_version:
        counts.version = told.row_version
        store.put(_key(place), counts.to_bytes())


def _key(place: Place) -> bytes:
    return COVERAGE + SEPARATOR.join(place).encode()


class CoverageCounts:
    """The counts of one lane, kept at hand between checkpoints.

    >>> from processors.store import MemoryStore
    >>> counts, store = CoverageCounts(lane=3), MemoryStore()
    >>> counts.add(Place("net", "1", "logP"), store, 2, 1, 0)
    >>> [(c.lane, c.predictions, c.labelled) for c in counts.flush(store, quiet=True)]
    [(3, 2, 1)]
    >>> counts.flush(store, quiet=True)
    []
    """

    def __init__(self, lane: int) -> None:
        self._lane = lane
        self._at_hand: dict[Place, _Counts] | None = None
        self._untold: dict[Place, None] = {}
        self._unwritten: dict[Place, None] = {}
        # Predictions of the lane that are neither labelled nor expired, as of the last flush.
        self.open = 0

    def add(
        self,
        place: Place,
        store: Store,
        predictions: int,
        labelled: int,
        expired: int,
    ) -> None:
        """Add to the counts of a place.

        >>> from processors.store import MemoryStore
        >>> counts, store = CoverageCounts(lane=0), MemoryStore()
        >>> counts.add(Place("net", "1", "logP"), store, 1, 0, 0)
        """
        at_hand = self._all(store)
        counts = at_hand.get(place)
        if counts is None:
            counts = at_hand[place] = _Counts()
        counts.predictions += predictions
        counts.labelled += labelled
        counts.expired += expired
        counts.changes += 1
        counts.untold = True
        self._untold[place] = self._unwritten[place] = None

    def _all(self, store: Store) -> dict[Place, _Counts]:
        if self._at_hand is None:
            self._at_hand = {}
            for key, value in store.scan(COVERAGE):
                place = Place(*key[1:].decode().split(SEPARATOR))
                self._at_hand[place] = _Counts(value)
                if self._at_hand[place].untold:
                    self._untold[place] = None
            self.open = sum(counts.resum() for counts in self._at_hand.values())
        return self._at_hand

    def flush(self, store: Store, quiet: bool) -> list[Coverage]:
        """Write what changed to the store; return the counts that are due: when `quiet` all.

        >>> from processors.store import MemoryStore
        >>> CoverageCounts(lane=0).flush(MemoryStore(), quiet=True)
        []
        """
        at_hand = self._all(store)
        told: list[Coverage] = []
        for place in list(self._untold):
            counts = at_hand[place]
            if quiet or counts.changes > TOLD_CHANGED_PART * counts.predictions:
                counts.version += 1
                counts.changes, counts.untold = 0, False
                del self._untold[place]
                self._unwritten[place] = None
                figures = (counts.predictions, counts.labelled, counts.expired)
                told.append(Coverage(*place, self._lane, *figures, counts.version))
        for place in self._unwritten:
            store.put(_key(place), at_hand[place].to_bytes())
            self.open += at_hand[place].resum()
        self._unwritten.clear()
        return told
