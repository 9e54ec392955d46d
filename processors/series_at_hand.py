"""The series a monitor has at hand between checkpoints, and which of them have news."""

from collections.abc import Sequence

from processors.keys import PENDING, SERIES, SeriesId, split
from processors.options import DEFAULTS, Options
from processors.series import SeriesName
from processors.series_state import SeriesState
from processors.store import Store

# About 30 kB each.
SERIES_AT_HAND_MAX = 5_000


class SeriesAtHand:
    """Reads each series once and writes it when it changed.

    >>> from processors.store import MemoryStore
    >>> store, series = MemoryStore(), SeriesAtHand()
    >>> name = SeriesId(b"net", SeriesName("1", None, None))
    >>> state = series.changing(name, store); state.changed = 1
    >>> series.save(store); list(SeriesAtHand().waiting(store))
    [SeriesId(subject=b'net', name=SeriesName(model_version='1', field=None, value=None))]
    """

    def __init__(self, options: Options = DEFAULTS) -> None:
        self._options = options
        self._states: dict[bytes, dict[SeriesName, SeriesState]] = {}
        self._held = 0
        self._changed: list[SeriesId] = []
        # What the store says of who waits; how many saves each has waited is at hand only.
        self._noted: set[SeriesId] = set()
        self._waiting: dict[SeriesId, int] | None = None
        self._owed: dict[SeriesId, None] = {}

    def get(self, series: SeriesId, store: Store) -> SeriesState:
        """Return a series, to be read."""
        subject, name = series
        own = self._states.setdefault(subject, {})
        state = own.get(name)
        if state is None:
            state = own[name] = SeriesState.load(subject, name, store, self._options)
            self._held += 1
        return state

    def of(self, subject: bytes, model_version: str, store: Store) -> list[SeriesId]:
        """Return every series of a model version in the order of their names."""
        found = {SeriesId(subject, name) for name in self._stored_of(subject, store)}
        found |= {SeriesId(subject, name) for name in self._states.get(subject, ())}
        own = [series for series in found if series.name.model_version == model_version]
        return sorted(own, key=lambda series: series.name.to_bytes())

    def versions(self, subject: bytes, store: Store) -> list[str]:
        """Return the model versions of a subject that have scored pairs, the latest used first."""
        names = {*self._stored_of(subject, store), *self._states.get(subject, ())}
        whole = [name for name in names if name.field is None]
        used = {name.model_version: self.get(SeriesId(subject, name), store) for name in whole}
        return sorted(used, key=lambda version: (-used[version].sequence, version))

    @staticmethod
    def _stored_of(subject: bytes, store: Store) -> list[SeriesName]:
        keys = [key for key, _ in store.scan(SERIES + subject + b"\0")]
        return [SeriesName.from_bytes(split(key)[1]) for key in keys]

    def changing(self, series: SeriesId, store: Store) -> SeriesState:
        """Return a series, to be changed and written at the next checkpoint."""
        state = self.get(series, store)
        if not state.unsaved:
            state.unsaved = True
            self._changed.append(series)
        return state

    def changing_each(
        self, subject: bytes, names: Sequence[SeriesName], store: Store
    ) -> dict[SeriesName, SeriesState]:
        """Return series of one subject as `changing` does, in the order of their names."""
        own = self._states.get(subject, {})
        found = {}
        for name in names:
            state = own.get(name)
            if state is None or not state.unsaved:
                state = self.changing(SeriesId(subject, name), store)
            found[name] = state
        return found

    def waiting(self, store: Store) -> dict[SeriesId, int]:
        """Return the series with news, the longest waiting first, and how many saves they waited.

        Those that changed since the last save come last.
        """
        if self._waiting is None:
            found = (split(key) for key, _ in store.scan(PENDING))
            self._waiting = {SeriesId(s, SeriesName.from_bytes(name)): 0 for s, name in found}
            self._noted = set(self._waiting)
        for series in self._changed:
            self._waiting.setdefault(series, 0)
        return self._waiting

    def owed(self) -> list[SeriesId]:
        """Return the series that were told of in part only, the longest owed first."""
        return list(self._owed)

    def news(self, series: SeriesId, store: Store) -> int:
        """Return how many pairs of a series changed since it was told of, if in part only."""
        # One that is owed counts at least one, so that whoever takes over tells of it.
        return self.get(series, store).changed - (series in self._owed)

    def told(self, series: SeriesId, in_full: bool, store: Store) -> None:
        """Note that a series was told of; what was left out when not `in_full` is owed."""
        self.changing(series, store).changed = int(not in_full)
        if in_full:
            self._owed.pop(series, None)
        else:
            self._owed[series] = None

    def save(self, store: Store) -> None:
        """Write what changed, and which series have news that are yet to be published.

        Lets go of what is too much to keep at hand.
        """
        waited = self.waiting(store)
        for series in self._changed:
            changed = self.get(series, store)
            changed.save(store)
            changed.unsaved = False
        self._waiting = {}
        for series, saves in waited.items():
            state = self._states.get(series.subject, {}).get(series.name)
            if state is None or state.changed:
                if state is None or self.news(series, store):
                    self._waiting[series] = saves + 1
                if series not in self._noted:
                    self._noted.add(series)
                    store.put(self.get(series, store).keys.pending, b"")
            elif series in self._noted:
                self._noted.discard(series)
                store.delete(state.keys.pending)
        self._changed.clear()
        if self._held > SERIES_AT_HAND_MAX:
            self._states.clear()
            self._held = 0
