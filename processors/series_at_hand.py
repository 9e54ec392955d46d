"""The series a monitor has at hand between checkpoints, and which of them have news."""

from processors.keys import PENDING, SeriesId, split
from processors.series import SeriesName
from processors.series_state import SeriesState
from processors.store import Store

SERIES_AT_HAND_MAX = 20_000


class SeriesAtHand:
    """Reads each series once and writes it when it changed.

    >>> from processors.store import MemoryStore
    >>> store, series = MemoryStore(), SeriesAtHand()
    >>> name = SeriesId(b"net", SeriesName("1", None, None))
    >>> state = series.changing(name, store); state.changed = 1
    >>> series.save(name, state, store); series.saved(); SeriesAtHand().due(store, quiet=True)
    [SeriesId(subject=b'net', name=SeriesName(model_version='1', field=None, value=None))]
    """

    def __init__(self) -> None:
        self._states: dict[SeriesId, SeriesState] = {}
        self._changed: dict[SeriesId, None] = {}
        self._pending: dict[SeriesId, None] | None = None

    def get(self, series: SeriesId, store: Store) -> SeriesState:
        """Return a series, to be read."""
        state = self._states.get(series)
        if state is None:
            state = self._states[series] = SeriesState.load(*series, store)
        return state

    def changing(self, series: SeriesId, store: Store) -> SeriesState:
        """Return a series, to be changed and written at the next checkpoint."""
        self._changed[series] = None
        return self.get(series, store)

    def due(self, store: Store, quiet: bool) -> list[SeriesId]:
        """Return the series that changed since the last checkpoint; when `quiet` all with news."""
        pending = self._noted(store)
        return list({**self._changed, **pending} if quiet else self._changed)

    def save(self, series: SeriesId, state: SeriesState, store: Store) -> None:
        """Write a series, and note whether it has pairs whose metrics are yet to be published."""
        pending = self._noted(store)
        if state.changed and series not in pending:
            store.put(state.keys.pending, b"")
            pending[series] = None
        elif not state.changed and series in pending:
            store.delete(state.keys.pending)
            del pending[series]
        state.save(store)

    def saved(self) -> None:
        """Take all that changed as written, and let go of what is too much to keep at hand."""
        self._changed.clear()
        if len(self._states) > SERIES_AT_HAND_MAX:
            self._states.clear()

    def _noted(self, store: Store) -> dict[SeriesId, None]:
        if self._pending is None:
            found = (split(key) for key, _ in store.scan(PENDING))
            self._pending = {SeriesId(s, SeriesName.from_bytes(name)): None for s, name in found}
        return self._pending
