"""The state of one series: its rows, the sums of its pairs, whole and by day, and its watch."""

from collections.abc import Mapping
from typing import NamedTuple

from processors.keys import SeriesKeys
from processors.options import DEFAULTS, Options
from processors.parts import delete_parts, get_parts, put_parts
from processors.record_layout import RecordLayout
from processors.row_runs import put_rows, remove_row
from processors.series import SeriesName
from processors.store import Store
from processors.watch import Watch, WatchState
from processors.window_sums import Summed, WindowSums, total_of


class _Stored(NamedTuple):
    """What of a series changes with every pair."""

    changed: int
    sequence: int
    sums: bytes
    watch: WatchState


# Changes with the pairs of a window: the sequence of the last change, or a digest of the pairs.
Mark = int | bytes


class _Day:
    """The sums of a day at hand; `stored_bytes` is the size of what the store holds of it."""

    __slots__ = ("changed", "stored_bytes", "sums")

    def __init__(self, data: bytes | None) -> None:
        self.sums = WindowSums() if data is None else WindowSums.from_bytes(data)
        self.stored_bytes = len(data or b"")
        self.changed = False


# Most pairs are of the day of those before them; around midnight of one of two.
DAYS_AT_HAND_MAX = 2

_STORED = RecordLayout(_Stored)
_REFERENCE = RecordLayout(list[float])
_PUBLISHED = RecordLayout(dict[str, list[str]])


class SeriesState:
    """A series at hand; what the store holds of it changes with `save` only.

    `changed` counts pairs since its metrics were published and `sequence` is that of the last of
    them; `published` holds the metrics that stand, by window. `n` counts the scored pairs it holds.
    `unsaved` is a mark for whoever keeps the series at hand. `told` is at hand only: by window the
    mark of its pairs when it was told of, and whether with all that needs their values.

    >>> from processors.store import MemoryStore
    >>> store, state = MemoryStore(), SeriesState(b"net", SeriesName("1", None, None))
    >>> from processors.series import Compared
    >>> pair = Compared(1.5, 1.0, None, None, None), None
    >>> state.add(pair, 19_000, 7); state.n, state.changed, state.sequence
    (1, 1, 7)
    >>> state.save(store); SeriesState.load(b"net", state.name, store).n
    1
    >>> state.remove(pair, 19_000, 8); state.n
    0
    """

    def __init__(self, subject: bytes, name: SeriesName, options: Options = DEFAULTS) -> None:
        self.name = name
        self.keys = SeriesKeys(subject, name)
        self.changed = 0
        self.unsaved = False
        self.sequence = 0
        self.n = 0
        self._whole = WindowSums()
        self._options = options
        self.watch = self._watch(options)
        self.published: Mapping[str, frozenset[str]] = {}
        self.told: dict[str, tuple[Mark, bool]] = {}
        self._days: dict[int, _Day] = {}
        self._rows: dict[bytes, bytes] = {}
        # Taken in, or out, since the sums were made: many at a time cost a fourth of one by one.
        self._come: dict[int | None, list[Summed]] = {}
        self._gone: list[tuple[int | None, Summed]] = []
        self._stored_bytes = 0
        self._stored_reference = 0
        self._stored_published: Mapping[str, frozenset[str]] = self.published

    def _watch(
        self,
        options: Options,
        state: WatchState | None = None,
        reference: list[float] | None = None,
    ) -> Watch:
        whole = self.name.field is None
        return Watch(options.detectors, state, reference, options.baseline_results, whole)

    def whole(self, store: Store) -> WindowSums:
        """Return the sums of all pairs, to be read until the series changes."""
        self._sum_up(store)
        return self._whole

    def add(self, pair: Summed, day: int | None, sequence: int) -> None:
        """Take in a scored pair measured on a `day` since 1970 (None: not stated)."""
        self.changed += 1
        self.sequence = sequence
        self.n += 1
        come = self._come.get(day)
        if come is None:
            come = self._come[day] = []
        come.append(pair)

    def remove(self, pair: Summed, day: int | None, sequence: int) -> None:
        """Take out a scored pair that was taken in with the same values."""
        self.changed += 1
        self.sequence = sequence
        self.n -= 1
        self._gone.append((day, pair))

    def put_row(self, name: bytes, compared: bytes) -> None:
        """Take in the row of a pair that has none: its `Compared.to_bytes` by its `row_of`."""
        self._rows[name] = compared

    def remove_row(self, name: bytes, store: Store) -> None:
        """Take out a row that was taken in."""
        if self._rows.pop(name, None) is None:
            remove_row(store, self.keys.rows, name)

    def save_rows(self, store: Store) -> None:
        """Write the rows that were taken in, for those who read them there."""
        if self._rows:
            put_rows(store, self.keys.rows, self._rows)
            self._rows.clear()

    def relearn(self) -> None:
        """Forget the reference and what the detectors have seen: what comes now is the new one."""
        self.watch = self._watch(self._options)
        self._stored_reference = -1

    def _sum_up(self, store: Store) -> None:
        """Bring the sums up to all that came and went."""
        for number, pairs in self._come.items():
            total = total_of(pairs)
            self._whole.add_total(total)
            if number is not None:
                self._day(number, store).add_total(total)
        for number, (pair, terms) in self._gone:
            self._whole.remove(pair, terms)
            if number is not None:
                self._day(number, store).remove(pair, terms)
        self._come.clear()
        self._gone.clear()

    def _day(self, number: int, store: Store) -> WindowSums:
        day = self._days.get(number)
        if day is None:
            day = self._days[number] = _Day(get_parts(store, self.keys.day(number)))
        day.changed = True
        return day.sums

    def save_days(self, store: Store) -> None:
        """Write the days that changed; a day without pairs has no record."""
        self._sum_up(store)
        for number, day in self._days.items():
            if not day.changed:
                continue
            data = day.sums.to_bytes() if day.sums.n else b""
            if data:
                put_parts(store, self.keys.day(number), data, day.stored_bytes)
            else:
                delete_parts(store, self.keys.day(number))
            day.stored_bytes, day.changed = len(data), False
        if len(self._days) > DAYS_AT_HAND_MAX:
            self._days.clear()

    def save(self, store: Store) -> None:
        """Write what changed since `load` or the last `save`."""
        self.save_rows(store)
        self.save_days(store)
        watch = self.watch.state()
        stored = _Stored(self.changed, self.sequence, self._whole.to_bytes(), watch)
        data = _STORED.pack(stored)
        put_parts(store, self.keys.state, data, self._stored_bytes)
        self._stored_bytes = len(data)
        if len(self.watch.reference) != self._stored_reference:
            store.put(self.keys.reference, _REFERENCE.pack(self.watch.reference))
            self._stored_reference = len(self.watch.reference)
        if self.published != self._stored_published:
            store.put(
                self.keys.published,
                _PUBLISHED.pack({w: sorted(names) for w, names in self.published.items() if names}),
            )
            self._stored_published = self.published

    @classmethod
    def load(
        cls, subject: bytes, name: SeriesName, store: Store, options: Options = DEFAULTS
    ) -> "SeriesState":
        """Return what `save` wrote of a series, or an empty state."""
        state = cls(subject, name, options)
        data = get_parts(store, state.keys.state)
        if data is None:
            return state
        state._stored_bytes = len(data)
        stored = _STORED.unpack(data)
        state.changed, state.sequence = stored.changed, stored.sequence
        state._whole = WindowSums.from_bytes(stored.sums)
        state.n = state._whole.n
        reference = store.get(state.keys.reference)
        errors = [] if reference is None else _REFERENCE.unpack(reference)
        state.watch = state._watch(options, stored.watch, errors)
        state._stored_reference = len(errors)
        published = store.get(state.keys.published)
        if published is not None:
            state.published = {w: frozenset(m) for w, m in _PUBLISHED.unpack(published).items()}
            state._stored_published = state.published
        return state
