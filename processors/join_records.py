"""What the join keeps of predictions and outcomes: one record each, under their common key."""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from processors.store import Store
from schemas.codec import Codec
from schemas.errors import InvalidValueError
from schemas.events import Outcome, Prediction
from schemas.validation import EVENT_BYTES_MAX

# Standing of a prediction in the coverage of its model; outcomes are always OPEN.
OPEN, LABELLED, EXPIRED = 0, 1, 2

E = TypeVar("E", Prediction, Outcome)
KINDS: dict[type[Prediction] | type[Outcome], bytes] = {Prediction: b"p", Outcome: b"o"}
TYPES: dict[bytes, type[Prediction] | type[Outcome]] = {v: k for k, v in KINDS.items()}


class Kept(NamedTuple):
    """A prediction as the join keeps it, with its standing in the coverage of its model."""

    prediction: Prediction
    standing: int


def prefix(event_type: type[Prediction] | type[Outcome], key: bytes) -> bytes:
    """Return what the keys of all events of one type under one join key start with.

    >>> prefix(Outcome, b"m")
    b'om\\x00'
    """
    return KINDS[event_type] + key + b"\0"


def record_key(event: Prediction | Outcome, key: bytes) -> bytes:
    """Return the key of an event's record, by its join key and id.

    >>> from schemas.events import AssayContext
    >>> record_key(Outcome("o1", 0, False, "m", "a", AssayContext()), b"m")
    b'om\\x00o1'
    """
    return prefix(type(event), key) + event.event_id.encode()


def record(standing: int, encoded: bytes) -> bytes:
    """Return the record of an event, `encoded` by `JoinRecords.encode`.

    >>> record(EXPIRED, b"event")
    b'\\x02event'
    """
    return bytes([standing]) + encoded


class JoinRecords:
    """Reads and writes the join's records in a store.

    >>> from processors.store import MemoryStore
    >>> from schemas.events import AssayContext
    >>> from schemas.table import SchemaTable
    >>> records, store = JoinRecords(Codec(SchemaTable())), MemoryStore()
    >>> p = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.5)
    >>> store.put(record_key(p, b"m"), record(LABELLED, records.encode(p)))
    >>> records.predictions(b"m", store) == [Kept(p, LABELLED)]
    True
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def get(self, own_key: bytes, store: Store) -> tuple[Prediction | Outcome, int] | None:
        """Return the event and standing of a record, or None when there is none."""
        known = store.get(own_key)
        if known is None:
            return None
        return self._codec.decode(known[1:], TYPES[own_key[:1]]), known[0]

    def _read(self, record: bytes, event_type: type[E]) -> tuple[E, int]:
        return self._codec.decode(record[1:], event_type), record[0]

    def encode(self, event: Prediction | Outcome) -> bytes:
        """Return an event as its record holds it.

        Raises InvalidValueError when it is larger than EVENT_BYTES_MAX.
        """
        encoded = self._codec.encode(event)
        if len(encoded) > EVENT_BYTES_MAX:
            raise InvalidValueError(f"the record is larger than {EVENT_BYTES_MAX} bytes")
        return encoded

    def predictions(self, key: bytes, store: Store) -> list[Kept]:
        """Return every prediction under a join key, the retracted ones included."""
        scan = store.scan(prefix(Prediction, key))
        return [Kept(*self._read(value, Prediction)) for _, value in scan]

    def outcomes(self, key: bytes, store: Store, start: bytes = b"") -> Iterator[Outcome]:
        """Yield every outcome under a join key in the order of their ids.

        `start` is the record key to begin at; empty means the first. The store must not be changed
        in between.
        """
        for _, value in store.scan(prefix(Outcome, key), start=start):
            yield self._read(value, Outcome)[0]
