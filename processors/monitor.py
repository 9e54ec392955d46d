"""The monitor: pairs of one model in one assay become metrics and alerts.

Metrics are functions of the set of pairs; detectors and alerts are functions of the log in its
order. Series states are kept at hand between checkpoints and written to the store by `flush`.
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice

import orjson

from processors import keys
from processors.alerting import AlertKeeper, Subject
from processors.detectors import Change, all_detectors
from processors.metrics import all_metrics
from processors.options import Options
from processors.parts import get_parts, put_parts
from processors.series import Scored, SeriesName, scored, series_of
from processors.series_state import SeriesState
from processors.store import Store
from processors.window_metrics import complete, metrics_of
from schemas.events import Coverage, Event, Metric, Pair, Tick
from schemas.topics import SEPARATOR, canonical, monitor_key

# How far back a cause is looked for.
CAUSE_ROWS_MAX = 2_000
# Under load a series' metrics are published when this part of it has changed.
PUBLISH_CHANGED_PART = 0.02
PUBLISH_CHANGED_MIN = 20
SERIES_AT_HAND_MAX = 20_000
DEFAULTS = Options()

SeriesId = tuple[bytes, SeriesName]


class Monitor:
    """The monitor stage's processor.

    >>> from schemas.events import AssayContext, Outcome, Prediction
    >>> from processors.store import MemoryStore
    >>> from processors.pairing import pair_of
    >>> monitor, store = Monitor(), MemoryStore()
    >>> p = Prediction("p", 0, False, "CCO", "logP", AssayContext(), "net", "1", 1.5)
    >>> o = Outcome("o", 0, False, "CCO", "logP", AssayContext(), 1.0)
    >>> monitor.process(pair_of(p, o, "paired", 1), 1, store)
    []
    >>> {m.metric: m.value for m in monitor.flush(store, quiet=True) if m.window == "all"}["rmse"]
    0.5
    """

    working = False

    def __init__(self, options: Options = DEFAULTS) -> None:
        self._options = options
        # Imported now and not while the first events wait.
        all_metrics()
        all_detectors()
        self._series: dict[SeriesId, SeriesState] = {}
        self._dirty: dict[SeriesId, None] = {}
        self._pending: dict[SeriesId, None] | None = None

    def process(self, event: Event, sequence: int, store: Store) -> list[Event]:
        """Take one pair and return the alerts it raises or closes.

        `sequence` grows with every event of the lane and becomes the row_version of what follows.
        """
        if isinstance(event, (Coverage, Tick)):
            return []
        if not isinstance(event, Pair):
            raise TypeError(f"the monitor takes pairs, not {type(event).__name__}")
        model_id, assay_id = event.prediction.model_id, canonical(event.prediction.assay_id)
        subject = monitor_key(model_id, assay_id)
        own_key = keys.pair_key(subject, event.pair_id)
        known = store.get(own_key)
        old = Scored.from_bytes(known) if known is not None else None
        new = scored(event)
        if new == old:
            return []
        if old is not None:
            for name in series_of(old):
                store.delete(keys.row_key(subject, name.to_bytes(), old.at, event.pair_id))
                self._state((subject, name), store).remove(old, sequence)
        if new is None:
            store.delete(own_key)
            return []
        store.put(own_key, new.to_bytes())
        for name in series_of(new):
            row = keys.row_key(subject, name.to_bytes(), new.at, event.pair_id)
            store.put(row, new.to_bytes())
            self._state((subject, name), store).add(new, sequence)
        if old is not None:
            return []
        about = Subject(model_id, new.model_version, assay_id)
        return self._look(about, subject, new, sequence, store)

    def flush(self, store: Store, quiet: bool) -> list[Event]:
        """Write the series that changed to the store and return the metrics that are due.

        Under load only series that changed by a part are due; when `quiet`, all that are pending.
        """
        pending = self._pending_series(store)
        published: list[Event] = []
        due = dict.fromkeys(self._dirty) | (pending if quiet else {})
        for series in due:
            subject, name = series
            state = self._state(series, store)
            wanted = max(PUBLISH_CHANGED_MIN, PUBLISH_CHANGED_PART * state.n)
            marker = keys.pending_key(subject, name.to_bytes())
            if state.changed and (quiet or state.changed >= wanted):
                published += self._metrics(subject, state, quiet, store)
                state.changed = 0 if complete(state, quiet) else 1
            if not state.changed:
                store.delete(marker)
                pending.pop(series, None)
            elif series not in pending:
                store.put(marker, b"")
                pending[series] = None
            put_parts(store, keys.series_key(subject, name.to_bytes()), state.to_bytes())
        self._dirty.clear()
        if len(self._series) > SERIES_AT_HAND_MAX:
            self._series.clear()
        return published

    def _state(self, series: SeriesId, store: Store) -> SeriesState:
        state = self._series.get(series)
        if state is None:
            subject, name = series
            data = get_parts(store, keys.series_key(subject, name.to_bytes()))
            state = SeriesState.from_bytes(name, data) if data else SeriesState(name)
            self._series[series] = state
        self._dirty[series] = None
        return state

    def _pending_series(self, store: Store) -> dict[SeriesId, None]:
        if self._pending is None:
            found = (keys.split(key) for key, _ in store.scan(keys.PENDING))
            self._pending = {(s, SeriesName.from_bytes(name)): None for s, name in found}
        return self._pending

    def _look(
        self, about: Subject, subject: bytes, record: Scored, sequence: int, store: Store
    ) -> list[Event]:
        """Show the pair to the watch of each of its series; return what the alert says of it."""
        error = record.error
        if error is None:
            return []
        alert_key = keys.alert_key(subject, record.model_version)
        known = store.get(alert_key)
        keeper = AlertKeeper(about, orjson.loads(known) if known else None)
        rows = partial(self._rows, subject, record.model_version, store)

        def learned(name: SeriesName) -> bool:
            return not self._state((subject, name), store).watch.learning

        scores: dict[SeriesName, float | None] = {}
        found: list[Change] = []
        for name in series_of(record):
            watch = self._state((subject, name), store).watch
            scores[name], changes = watch.update(error, record.at)
            found += changes
        said: list[Event] = [*keeper.seen(scores, sequence, rows, learned)]
        for change in found:
            said += keeper.changed(change, record.at, sequence, rows, learned)
        if keeper.alert is not None:
            store.put(alert_key, orjson.dumps(keeper.state()))
        return said

    def _rows(self, subject: bytes, model_version: str, store: Store) -> list[Scored]:
        """Return the newest scored pairs of a model version in the order of their times."""
        name = SeriesName(model_version, None, None).to_bytes()
        scan = store.scan(keys.rows_prefix(subject, name), reverse=True)
        newest = [Scored.from_bytes(value) for _, value in islice(scan, CAUSE_ROWS_MAX)]
        return newest[::-1]

    def _metrics(
        self, subject: bytes, state: SeriesState, quiet: bool, store: Store
    ) -> Iterator[Metric]:
        model_id, assay_id = subject.decode().split(SEPARATOR)
        prefix = keys.rows_prefix(subject, state.name.to_bytes())
        for measured in metrics_of(state, partial(store.scan, prefix), quiet):
            yield Metric(
                model_id=model_id,
                model_version=state.name.model_version,
                assay_id=assay_id,
                segment_field=state.name.field,
                segment_value=state.name.value,
                window=measured.window,
                metric=measured.metric,
                value=measured.estimate.value,
                low=measured.estimate.low,
                high=measured.estimate.high,
                n=measured.estimate.n,
                at=measured.at,
                row_version=state.sequence,
            )
