"""The state of one series: the sums of its pairs, whole and by day, and its watch."""

from collections.abc import Mapping
from typing import NamedTuple

from processors.day_windows import day_of
from processors.keys import SeriesKeys
from processors.options import DEFAULTS, Options
from processors.parts import delete_parts, get_parts, put_parts
from processors.record_layout import RecordLayout
from processors.series import Compared, SeriesName
from processors.store import Store
from processors.summaries.sums import Terms
from processors.watch import Watch, WatchState
from processors.window_sums import WindowSums


class _Stored(NamedTuple):
    """What of a series changes with every pair."""

    changed: int
    sequence: int
    sums: bytes
    watch: WatchState


# Changes with the pairs of a window: the sequence of the last change, or a digest of the pairs.
Mark = int | bytes

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
    >>> pair = Compared(1.5, 1.0, None, None, None)
    >>> state.add(pair, None, 5, 7); state.n, state.changed, state.sequence
    (1, 1, 7)
    >>> state.save(store); SeriesState.load(b"net", state.name, store).n
    1
    >>> state.remove(pair, None, 5, 8, store); state.n
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
        self._days: dict[int, WindowSums] = {}
        # Of each day what came since the last save: taken into the other two at once.
        self._fresh: dict[int, WindowSums] = {}
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

    @property
    def whole(self) -> WindowSums:
        """The sums of all pairs, to be read only."""
        if not self._fresh:
            return self._whole
        whole = self._whole.copy()
        for sums in self._fresh.values():
            whole.merge(sums)
        return whole

    def add(self, pair: Compared, terms: Terms | None, at: int | None, sequence: int) -> None:
        """Take in a scored pair measured at `at` (microseconds; None: not stated).

        `terms` is the pair's share in numeric sums, None if it has none.
        """
        self._count(sequence)
        self.n += 1
        if at is None:
            self._whole.add(pair, terms)
            return
        day = day_of(at)
        sums = self._fresh.get(day)
        if sums is None:
            sums = self._fresh[day] = WindowSums()
        sums.add(pair, terms)

    def remove(
        self, pair: Compared, terms: Terms | None, at: int | None, sequence: int, store: Store
    ) -> None:
        """Take out a scored pair that was taken in with the same values."""
        self._count(sequence)
        self.n -= 1
        self._take_in(store)
        self._whole.remove(pair, terms)
        if at is not None:
            self._day(day_of(at), store).remove(pair, terms)

    def relearn(self) -> None:
        """Forget the reference and what the detectors have seen: what comes now is the new one."""
        self.watch = self._watch(self._options)
        self._stored_reference = -1

    def _count(self, sequence: int) -> None:
        self.changed += 1
        self.sequence = sequence

    def _take_in(self, store: Store) -> None:
        for day, sums in self._fresh.items():
            self._whole.merge(sums)
            self._day(day, store).merge(sums)
        self._fresh.clear()

    def _day(self, day: int, store: Store) -> WindowSums:
        sums = self._days.get(day)
        if sums is None:
            data = get_parts(store, self.keys.day(day))
            sums = self._days[day] = WindowSums() if data is None else WindowSums.from_bytes(data)
        return sums

    def save_days(self, store: Store) -> None:
        """Write the days that changed; a day without pairs has no record."""
        self._take_in(store)
        for day, sums in self._days.items():
            if sums.n:
                put_parts(store, self.keys.day(day), sums.to_bytes())
            else:
                delete_parts(store, self.keys.day(day))
        self._days.clear()

    def save(self, store: Store) -> None:
        """Write what changed since `load` or the last `save`."""
        self.save_days(store)
        watch = self.watch.state()
        stored = _Stored(self.changed, self.sequence, self._whole.to_bytes(), watch)
        put_parts(store, self.keys.state, _STORED.pack(stored))
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
