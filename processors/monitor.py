"""The monitor: pairs of one model in one assay become metrics and alerts.

Metrics are functions of the set of pairs; detectors and alerts are functions of the log in its
order. Series states are kept at hand between checkpoints and written to the store by `flush`.
"""

from collections.abc import Sequence
from functools import partial
from itertools import islice

from processors import keys
from processors.alerting import AlertKeeper, Subject
from processors.detectors import Change, all_detectors
from processors.keys import SeriesId
from processors.label_coverage import LabelCoverage
from processors.metrics import all_metrics
from processors.options import DEFAULTS, Options
from processors.publication import FLUSHES_WAITED_MAX, is_due
from processors.series import Scored, SeriesName, scored, series_of
from processors.series_at_hand import SeriesAtHand
from processors.series_state import SeriesState
from processors.store import Store
from processors.window_metrics import metrics_of
from processors.window_sums import terms_of
from schemas.events import Coverage, Event, Metric, Pair, Tick
from schemas.topics import SEPARATOR, canonical, monitor_key

# How far back a cause is looked for.
CAUSE_ROWS_MAX = 2_000
# So many series are told of with one checkpoint: under load, and when no input waits.
SERIES_AT_ONCE = 10
SERIES_AT_ONCE_QUIET = 50
# So many pairs may be ranked for it, the last series' in excess: ranks of large windows take most
# of the time, and what comes meanwhile waits.
RANK_PAIRS_AT_ONCE = 2_000
RANK_PAIRS_AT_ONCE_QUIET = 20_000


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

    def __init__(self, options: Options = DEFAULTS) -> None:
        self._options = options
        self.working = False
        # Imported now and not while the first events wait.
        all_metrics()
        all_detectors()
        self._series = SeriesAtHand()
        self._coverage = LabelCoverage()
        self._keepers: dict[Subject, AlertKeeper] = {}

    def prepare(self, events: Sequence[Event], store: Store) -> None:
        """Do nothing: what pairs need is at hand, or is read once for many."""

    def process(self, event: Event, sequence: int, store: Store) -> list[Event]:
        """Take one pair, or the coverage that a lane of the join counts; return what alerts follow.

        `sequence` grows with every event of the lane and becomes the row_version of what follows.
        Raises InvalidValueError for a pair whose id is none or whose numbers are not finite.
        """
        if isinstance(event, Tick):
            return []
        if isinstance(event, Coverage):
            self._coverage.take(event, sequence, store)
            return []
        if not isinstance(event, Pair):
            raise TypeError(f"the monitor takes pairs, not {type(event).__name__}")
        return self._pair(event, sequence, store)

    def _pair(self, pair: Pair, sequence: int, store: Store) -> list[Event]:
        model_id, assay_id = pair.prediction.model_id, canonical(pair.prediction.assay_id)
        subject = monitor_key(model_id, assay_id)
        pair_id = keys.pair_id_bytes(pair.pair_id)
        own_key = keys.pair_key(subject, pair_id)
        known = store.get(own_key)
        new = scored(pair)
        record = None if new is None else new.to_bytes()
        if record == known:
            return []
        terms = None if new is None else terms_of(new.compared)
        if known is not None:
            self._remove(Scored.from_bytes(known), subject, pair_id, sequence, store)
        if new is None or record is None:
            store.delete(own_key)
            return []
        store.put(own_key, record)
        compared = new.compared
        row = compared.to_bytes()
        states = {n: self._series.changing(SeriesId(subject, n), store) for n in series_of(new)}
        for state in states.values():
            store.put(state.keys.row(new.at, pair_id), row)
            state.add(compared, terms, new.at, sequence, store)
        if known is not None:
            return []
        about = Subject(model_id, new.model_version, assay_id)
        return self._look(about, subject, new, states, sequence, store)

    def _remove(
        self, old: Scored, subject: bytes, pair_id: bytes, sequence: int, store: Store
    ) -> None:
        compared = old.compared
        terms = terms_of(compared)
        for name in series_of(old):
            state = self._series.changing(SeriesId(subject, name), store)
            store.delete(state.keys.row(old.at, pair_id))
            state.remove(compared, terms, old.at, sequence, store)

    def flush(self, store: Store, quiet: bool) -> list[Event]:
        """Write what changed to the store and return metrics of some of the series that have news.

        Under load a series is due that changed by a part or waited long; when `quiet` every one is,
        and `working` tells whether some are left.
        """
        published: list[Event] = []
        left, at_once = False, SERIES_AT_ONCE_QUIET if quiet else SERIES_AT_ONCE
        ranked, ranked_max = 0, RANK_PAIRS_AT_ONCE_QUIET if quiet else RANK_PAIRS_AT_ONCE
        for series in self._series.owed():
            if ranked >= ranked_max:
                left = True
                break
            ranked += self._tell(series, True, published, store)
        for series, waited in self._series.waiting(store).items():
            news = self._series.news(series, store)
            if not news or not (quiet or is_due(news, self._series.get(series, store).n, waited)):
                continue
            if not at_once or (quiet and ranked >= ranked_max):
                left = True
                break
            at_once -= 1
            in_full = quiet or (waited >= FLUSHES_WAITED_MAX and ranked < ranked_max)
            ranked += self._tell(series, in_full, published, store)
        self.working = quiet and left
        self._series.save(store)
        published += self._coverage.flush(store, quiet)
        for keeper in self._keepers.values():
            keeper.save(store)
        self._keepers.clear()
        return published

    def _tell(self, series: SeriesId, in_full: bool, published: list[Event], store: Store) -> int:
        """Add the metrics of a series to those published; return how many pairs were ranked."""
        state = self._series.changing(series, store)
        state.save_days(store)
        found = metrics_of(state, store, self._options, in_full)
        model_id, assay_id = series.subject.decode().split(SEPARATOR)
        about = (model_id, state.name.model_version, assay_id, state.name.field, state.name.value)
        published += [
            Metric(*about, window, metric, *figure[:4], at, state.sequence)
            for window, metric, figure, at in found.measured
        ]
        self._series.told(series, found.complete, store)
        return found.rank_pairs

    def _look(
        self,
        about: Subject,
        subject: bytes,
        record: Scored,
        states: dict[SeriesName, SeriesState],
        sequence: int,
        store: Store,
    ) -> list[Event]:
        """Show the pair to the watch of each of its series; return what the alert says of it."""
        error = record.error
        if error is None:
            return []
        keeper = self._keepers.get(about)
        if keeper is None:
            keeper = self._keepers[about] = AlertKeeper.load(about, store)
        rows = partial(self._rows, subject, record.model_version, store)

        def learned(name: SeriesName) -> bool:
            return not self._series.get(SeriesId(subject, name), store).watch.learning

        scores: dict[SeriesName, float | None] = {}
        found: list[Change] = []
        for name, state in states.items():
            scores[name], changes = state.watch.update(error, record.at)
            found += changes
        said: list[Event] = [*keeper.seen(scores, sequence, rows, learned)]
        for change in found:
            said += keeper.changed(change, record.at, sequence, rows, learned)
        return said

    def _rows(self, subject: bytes, model_version: str, store: Store) -> list[Scored]:
        """Return the newest scored pairs of a model version in the order of their times."""
        prefix = keys.SeriesKeys(subject, SeriesName(model_version, None, None)).rows
        newest = [
            keys.pair_key(subject, keys.pair_id_of_row(key))
            for key, _ in islice(store.scan(prefix, reverse=True), CAUSE_ROWS_MAX)
        ]
        found = (store.get(key) for key in reversed(newest))
        return [Scored.from_bytes(record) for record in found if record is not None]
