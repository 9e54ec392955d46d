"""What the join keeps of predictions and outcomes: one record each, under their common key."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from processors.join_group import EXPIRED, LABELLED, OPEN, Group, Kept
from processors.options import DEFAULTS, Options
from processors.store import Store
from schemas.codec import Codec
from schemas.errors import InvalidValueError
from schemas.events import Outcome, Prediction
from schemas.validation import EVENT_BYTES_MAX

T = TypeVar("T")

_STANDINGS = tuple(bytes((standing,)) for standing in (OPEN, LABELLED, EXPIRED))

JOINED = b"j"
KINDS: dict[type[Prediction] | type[Outcome], bytes] = {Prediction: b"p", Outcome: b"o"}
TYPES: dict[bytes, type[Prediction] | type[Outcome]] = {v: k for k, v in KINDS.items()}
# Groups with more events are read from the store whenever they are asked for.
GROUP_EVENTS_MAX = 1_000
# What was not asked for while so many bytes of others came is no longer at hand.
BYTES_AT_HAND_MAX = 2_000_000


def prefix(key: bytes, event_type: type[Prediction] | type[Outcome] | None = None) -> bytes:
    """Return what the keys of all events under one join key start with; of one type, if given.

    >>> prefix(b"m"), prefix(b"m", Outcome)
    (b'jm\\x00', b'jm\\x00o')
    """
    return JOINED + key + b"\0" + (b"" if event_type is None else KINDS[event_type])


def record_key(event: Prediction | Outcome, key: bytes) -> bytes:
    """Return the key of an event's record, by its join key and id.

    >>> from schemas.events import AssayContext
    >>> record_key(Outcome("o1", 0, False, "m", "a", AssayContext()), b"m")
    b'jm\\x00oo1'
    """
    return b"%b%b\0%b%b" % (JOINED, key, KINDS[type(event)], event.event_id.encode())


def event_type_of(own_key: bytes) -> type[Prediction] | type[Outcome]:
    """Return what kind of event stands under a record key.

    >>> event_type_of(b"jm\\x00oo1").__name__
    'Outcome'
    """
    return TYPES[own_key[own_key.rindex(b"\0") + 1 :][:1]]


def group_key(own_key: bytes) -> bytes:
    """Return the join key within a record key.

    >>> group_key(b"jm\\x00oo1")
    b'm'
    """
    return own_key[len(JOINED) : own_key.rindex(b"\0")]


class JoinRecords:
    """Reads and writes the join's records in a store; groups lately asked for are kept at hand.

    Nobody else may write them. That a prediction is labelled follows from the outcomes beside it,
    and its record says so only where that would be slow to work out or an outcome has been dropped.

    >>> from processors.store import MemoryStore
    >>> from schemas.events import AssayContext
    >>> from schemas.table import SchemaTable
    >>> records, store = JoinRecords(Codec(SchemaTable())), MemoryStore()
    >>> p = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.5)
    >>> records.put(p, LABELLED, records.encode(p), b"m", store)
    >>> records.predictions(b"m", store) == [Kept(p, LABELLED)]
    True
    >>> records.known(p, b"m", store) == (p, LABELLED)
    True
    """

    def __init__(self, codec: Codec, options: Options = DEFAULTS) -> None:
        self._codec, self._options = codec, options
        # None stands for a group that is too large.
        self._young: dict[bytes, Group | None] = {}
        self._old: dict[bytes, Group | None] = {}
        self._bytes_at_hand = 0

    def encode(self, event: Prediction | Outcome) -> bytes:
        """Return an event as its record holds it.

        Raises InvalidValueError when it is larger than EVENT_BYTES_MAX.
        """
        encoded = self._codec.encode(event)
        if len(encoded) > EVENT_BYTES_MAX:
            raise InvalidValueError(f"the record is larger than {EVENT_BYTES_MAX} bytes")
        return encoded

    def known(
        self, event: Prediction | Outcome, key: bytes, store: Store
    ) -> tuple[Prediction | Outcome, int] | None:
        """Return the kept form of an event and its standing, or None when there is none."""
        group = self._group(key, store)
        if group is None:
            return self.at(record_key(event, key), store)
        if isinstance(event, Prediction):
            return group.predictions.get(event.event_id)
        outcome = group.outcomes.get(event.event_id)
        return None if outcome is None else (outcome, OPEN)

    def at(self, own_key: bytes, store: Store) -> tuple[Prediction | Outcome, int] | None:
        """Return the event of a record and the standing it states, or None when there is none."""
        known = store.get(own_key)
        if known is None:
            return None
        return self._codec.decode(known[1:], event_type_of(own_key)), known[0]

    def events_at(
        self, own_keys: Iterable[bytes], store: Store
    ) -> dict[bytes, Prediction | Outcome]:
        """Return the events of many records, without those that there are not."""
        found = {own_key: known for own_key in own_keys if (known := store.get(own_key))}
        events: dict[bytes, Prediction | Outcome] = {}
        for event_type in TYPES.values():
            some = {k: known[1:] for k, known in found.items() if event_type_of(k) is event_type}
            decoded = self._codec.decode_all(list(some.values()), event_type)
            events.update(zip(some, decoded, strict=True))
        return events

    def open_at(self, own_key: bytes, store: Store) -> Prediction | None:
        """Return the prediction of a record if it is open and not retracted."""
        known = store.get(own_key)
        # What its record says is labelled or expired need not be decoded to be left out.
        if known is None or known[0] != OPEN or event_type_of(own_key) is Outcome:
            return None
        group = self._group(group_key(own_key), store)
        if group is None:
            kept = Kept(self._codec.decode(known[1:], Prediction), OPEN)
        else:
            kept = group.predictions[own_key[own_key.rindex(b"\0") + 2 :].decode()]
        return kept.prediction if kept.is_open else None

    def predictions(self, key: bytes, store: Store) -> list[Kept]:
        """Return every prediction under a join key by id, the retracted ones included."""
        group = self._group(key, store)
        if group is not None:
            return _by_id(group.predictions)
        scan = store.scan(prefix(key, Prediction))
        return [Kept(self._codec.decode(value[1:], Prediction), value[0]) for _, value in scan]

    def outcomes(self, key: bytes, store: Store, start: bytes = b"") -> Iterator[Outcome]:
        """Yield every outcome under a join key in the order of their ids.

        `start` is the record key to begin at; empty means the first. The store must not be changed
        in between.
        """
        group = self._group(key, store)
        if group is None:
            for _, value in store.scan(prefix(key, Outcome), start=start):
                yield self._codec.decode(value[1:], Outcome)
            return
        for outcome in _by_id(group.outcomes):
            if not start or record_key(outcome, key) >= start:
                yield outcome

    def put(
        self, event: Prediction | Outcome, standing: int, encoded: bytes, key: bytes, store: Store
    ) -> None:
        """Keep an event, `encoded` by `encode`, in a standing."""
        group = self._group(key, store)
        if group is not None:
            group.add(event, standing, len(encoded))
            group.unsaid.discard(event.event_id)
            self._bytes_at_hand += len(encoded)
            too_large = len(group) > GROUP_EVENTS_MAX
            if group.unsaid and (too_large or group.is_explicit):
                self._say(group, key, store)
            if too_large:
                self._young[key] = None
        _write(event, standing, encoded, key, store)

    def restand(self, prediction: Prediction, standing: int, key: bytes, store: Store) -> None:
        """Keep a prediction that is kept already in another standing."""
        group = self._group(key, store)
        if group is None or standing != LABELLED or group.is_explicit:
            self.put(prediction, standing, self._codec.encode(prediction), key, store)
            return
        group.predictions[prediction.event_id] = Kept(prediction, LABELLED)
        group.unsaid.add(prediction.event_id)

    def _say(self, group: Group, key: bytes, store: Store) -> None:
        """Have the records of all labelled predictions say so."""
        for event_id in sorted(group.unsaid):
            prediction = group.predictions[event_id].prediction
            _write(prediction, LABELLED, self._codec.encode(prediction), key, store)
        group.unsaid.clear()

    def remove(self, own_key: bytes, store: Store) -> None:
        """Keep the event of a record no longer."""
        key = group_key(own_key)
        if event_type_of(own_key) is Outcome:
            group = self._group(key, store)
            if group is not None:
                self._say(group, key, store)
        store.delete(own_key)
        self._young.pop(key, None)
        self._old.pop(key, None)

    def prepare(self, keys: Iterable[bytes], store: Store) -> None:
        """Have the groups of several keys at hand: sooner done for all at once."""
        self._load([key for key in keys if key not in self._young and key not in self._old], store)

    def _group(self, key: bytes, store: Store) -> Group | None:
        """Return the events under a key, or None when they are too many to be kept at hand."""
        if key not in self._young:
            if key in self._old:
                self._keep(key, self._old.pop(key))
            else:
                self._load([key], store)
        return self._young[key]

    def _keep(self, key: bytes, group: Group | None) -> None:
        if self._bytes_at_hand > BYTES_AT_HAND_MAX:
            self._young, self._old = {}, self._young
            self._bytes_at_hand = 0
        self._young[key] = group
        self._bytes_at_hand += len(key) + (0 if group is None else group.size)

    def _load(self, keys: Iterable[bytes], store: Store) -> None:
        keys = list(keys)
        groups: dict[bytes, Group | None] = {}
        found: dict[type[Prediction] | type[Outcome], list[tuple[Group, bytes]]]
        found = {Prediction: [], Outcome: []}
        every = store.scan_each([prefix(key) for key in keys], GROUP_EVENTS_MAX + 1)
        for key, records in zip(keys, every, strict=True):
            group = groups[key] = Group() if len(records) <= GROUP_EVENTS_MAX else None
            if group is not None:
                for own_key, value in records:
                    found[event_type_of(own_key)].append((group, value))
        for event_type, some in found.items():
            events = self._codec.decode_all([value[1:] for _, value in some], event_type)
            for (group, value), event in zip(some, events, strict=True):
                group.add(event, value[0], len(value))
        for key, loaded in groups.items():
            if loaded is not None:
                loaded.label(self._options)
            self._keep(key, loaded)


def _write(
    event: Prediction | Outcome, standing: int, encoded: bytes, key: bytes, store: Store
) -> None:
    store.put(record_key(event, key), _STANDINGS[standing] + encoded)


def _by_id(events: dict[str, T]) -> list[T]:
    if len(events) < 2:
        return list(events.values())
    return [event for _, event in sorted(events.items())]
