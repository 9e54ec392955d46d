"""What a stage has said and what it says when its state is made anew, held against each other.

Of each thing that is told (a pair, a metric of a series, an alert …) the last word counts. Both
sides may hold millions, so they rest in a temporary store on disk.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rocksdict import Options, Rdict, WriteBatch

from processors.pairing import RETRACTED
from schemas.codec import Codec
from schemas.events import Alert, Coverage, LatePair, Metric, Pair
from schemas.topics import digest

Told = Pair | LatePair | Coverage | Metric | Alert
KINDS: tuple[type[Told], ...] = (Pair, LatePair, Coverage, Metric, Alert)
_HEARD, _SAID = b"h", b"s"
_WORD = struct.Struct(">Q?16s")


class Word(NamedTuple):
    """A last word as it was heard: its row_version, whether it says that something stands."""

    row_version: int
    stands: bool
    content: bytes


def identity(event: Told) -> bytes:
    """Return what an event is about: a later one of the same identity replaces it.

    >>> from schemas.events import Coverage
    >>> one, later = (Coverage("net", "1", "a", 0, n, 0, 0, n) for n in (1, 2))
    >>> identity(one) == identity(later)
    True
    """
    if isinstance(event, (Pair, LatePair)):
        about: tuple[object, ...] = (event.pair_id,)
    elif isinstance(event, Coverage):
        about = event[:4]
    elif isinstance(event, Metric):
        about = event[:7]
    else:
        about = (event.alert_id,)
    return bytes.fromhex(digest(type(event).__name__, *map(repr, about)))


def stands(event: Told) -> bool:
    """Return whether an event says that something is there, not that it is gone."""
    if isinstance(event, Pair):
        return event.status != RETRACTED
    if isinstance(event, LatePair):
        return not event.retracted
    if isinstance(event, Coverage):
        return any((event.predictions, event.labelled, event.expired))
    return not isinstance(event, Metric) or event.n > 0


class Words:
    """The last words of one stage, heard in its output topics and said by lanes made anew."""

    def __init__(self, folder: Path, codec: Codec) -> None:
        self._codec = codec
        self._db = Rdict(str(folder), Options(raw_mode=True))

    def hear(self, events: list[Told]) -> None:
        """Take events of an output topic, each partition's in its order."""
        batch = WriteBatch(raw_mode=True)
        for event in events:
            word = _WORD.pack(event.row_version, stands(event), self._content(event))
            batch.put(_HEARD + identity(event), word)
        self._db.write(batch)

    def say(self, events: list[Told]) -> None:
        """Take what a lane says now that it is made anew, in its order."""
        batch = WriteBatch(raw_mode=True)
        for event in events:
            kind = bytes([KINDS.index(type(event))])
            batch.put(_SAID + identity(event), kind + self._codec.encode(event))
        self._db.write(batch)

    def unheard(self) -> Iterator[tuple[Told, int]]:
        """Yield what was said and not heard so, with the row_version that was heard, 0 for none.

        What was never heard and does not stand is left out. All that was said is forgotten; what
        was heard of it counts as founded.
        """
        iterator = self._db.iter()
        iterator.seek(_SAID)
        while iterator.valid() and iterator.key().startswith(_SAID):
            key, value = iterator.key(), iterator.value()
            iterator.next()
            event = self._codec.decode(value[1:], KINDS[value[0]])
            known = self._db.get(_HEARD + key[1:])
            word = Word(0, False, b"") if known is None else Word(*_WORD.unpack(known))
            self._db.delete(_HEARD + key[1:])
            self._db.delete(key)
            if word.content != self._content(event) and (word.stands or stands(event)):
                yield event, word.row_version

    def unfounded(self) -> int:
        """Return how many things stand by what was heard and were never said."""
        iterator = self._db.iter()
        iterator.seek(_HEARD)
        found = 0
        while iterator.valid() and iterator.key().startswith(_HEARD):
            found += Word(*_WORD.unpack(iterator.value())).stands
            iterator.next()
        return found

    def close(self) -> None:
        """Release the store."""
        self._db.close()

    def _content(self, event: Told) -> bytes:
        return bytes.fromhex(digest(self._codec.encode(event._replace(row_version=0)).hex()))
