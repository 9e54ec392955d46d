"""The monitor: pairs of one model in one assay become metrics and alerts.

Metrics are functions of the set of pairs; detectors and alerts are functions of the log in its
order. Series states are kept at hand between checkpoints and written to the store by `flush`.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module

from processors import keys
from processors.alerts.alerts import Alerts
from processors.alerts.news import Look
from processors.alerts.orders import names_level
from processors.alerts.subject import Here, Subject, last_words
from processors.answers import Answers
from processors.controls import Controls
from processors.day_windows import day_of
from processors.detectors import detector_file
from processors.domains import Domains
from processors.input_watch import WINDOW_VALUES
from processors.inputs import Inputs
from processors.keys import SeriesId
from processors.label_coverage import LabelCoverage
from processors.metrics import all_metrics
from processors.options import DEFAULTS, Options
from processors.publication import FLUSHES_WAITED_MAX, is_due
from processors.series import Scored, SeriesName, scored, series_of
from processors.series_at_hand import SeriesAtHand
from processors.series_state import SeriesState
from processors.series_watches import look
from processors.store import Store
from processors.window_metrics import metrics_of
from processors.window_sums import summed_of
from schemas.events import Alert, AlertCommand, Coverage, Event, Metric, Pair, Tick
from schemas.topics import SEPARATOR, canonical

# In the place of a pair that was scored once and is no more.
LEFT = b""
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
    >>> [row.state for row in monitor.process(pair_of(p, o, "paired", 1), 1, store)]
    ['learning']
    >>> {m.metric: m.value for m in monitor.flush(store, quiet=True) if m.window == "all"}["rmse"]
    0.5
    """

    def __init__(self, options: Options = DEFAULTS) -> None:
        self._options = options
        self.working = False
        # Imported now and not while the first events wait.
        all_metrics()
        import_module("scipy.stats")
        for name in options.detectors:
            detector_file(name)
        self._rules_read_rows = any(rule.metric is not None for rule in options.rules)
        self._series = SeriesAtHand(options)
        self._coverage = LabelCoverage()
        self._alerts = Alerts(options)
        self._controls = Controls(options.controls)
        self._domains = Domains()
        self._inputs = Inputs()

    def prepare(self, events: Sequence[Event], store: Store) -> None:
        """Do nothing: what pairs need is at hand, or is read once for many."""

    def process(self, event: Event, sequence: int, store: Store) -> list[Event]:
        """Take one pair, or the coverage that a lane of the join counts; return what alerts follow.

        `sequence` grows with every event of the lane and becomes the row_version of what follows.
        Raises InvalidValueError for a pair whose id is none or whose numbers are not finite.
        """
        if isinstance(event, Tick):
            return [*self._alerts.tick(event.at, self._here(sequence, store))]
        if isinstance(event, AlertCommand):
            return self._command(event, self._here(sequence, store))
        if isinstance(event, Coverage):
            growth = self._coverage.take(event, sequence, store)
            about = Subject(event.model_id, event.model_version, canonical(event.assay_id))
            return [*self._alerts.grown(about, growth, self._here(sequence, store))]
        if not isinstance(event, Pair):
            raise TypeError(f"the monitor takes pairs, not {type(event).__name__}")
        return self._pair(event, sequence, store)

    def _pair(self, pair: Pair, sequence: int, store: Store) -> list[Event]:
        prediction = pair.prediction
        about = Subject(
            prediction.model_id, prediction.model_version, canonical(prediction.assay_id)
        )
        subject = about.lane_key
        pair_id = keys.pair_id_bytes(pair.pair_id)
        own_key = keys.pair_key(subject, pair_id)
        known = store.get(own_key)
        new = scored(pair)
        old = Scored.from_bytes(known) if known else None
        if new == (old and old._replace(domain_rank=None)):
            return []
        controls = self._controls
        if controls.any and controls.has(about.assay_id, canonical(pair.outcome.molecule_id)):
            self._control(new, old, about, pair_id, store)
            # A result that was corrected is no new one.
            if known is not None or new is None:
                return []
            return [*self._alerts.read(about, new, self._here(sequence, store))]
        if new is not None:
            new = self._domains.placed(new, about, prediction.features, store)
        summed = None if new is None else summed_of(new.compared)
        here = self._here(sequence, store)
        said: list[Alert] = []
        if old is not None:
            said += self._remove(old, about, pair_id, here)
        if new is None or summed is None:
            if known:
                # A result that comes back is no new one.
                store.put(own_key, LEFT)
            return [*said]
        store.put(own_key, new.to_bytes())
        name, row, day = keys.row_of(new.at, pair_id), summed[0].to_bytes(), day_of(new.at)
        states = self._series.changing_each(subject, series_of(new), store)
        for state in states.values():
            state.put_row(name, row)
            state.add(summed, day, sequence)
            if self._rules_read_rows:
                state.save_rows(store)
        said += self._alerts.counted(about, states, new.at, here)
        told: list[Metric] = []
        if known is None:
            said += self._look(about, new, states, here)
            told, rules_said = self._drifts(about, new, prediction.features, here)
            said += rules_said
        return [*last_words(said), *told]

    def _control(
        self, new: Scored | None, old: Scored | None, about: Subject, pair_id: bytes, store: Store
    ) -> None:
        """Keep a control's result as it is now; it enters no series."""
        own_key = keys.pair_key(about.lane_key, pair_id)
        if old is not None:
            self._controls.drop(about.lane_key, old, pair_id, store)
            store.put(own_key, LEFT)
        if new is not None:
            self._controls.keep(about.lane_key, about.assay_id, new, pair_id, store)
            store.put(own_key, new.to_bytes())

    def _drifts(
        self, about: Subject, record: Scored, features: Mapping[str, float | str], here: Here
    ) -> tuple[list[Metric], list[Alert]]:
        """Show a pair to the watch of its model version's inputs; return what is told of them."""
        rate = self._options.false_alarms_per_pair
        look = self._inputs.take(record, about, features, rate, here.store)
        if look is None:
            return [], []
        series = about.model_id, about.model_version, about.assay_id, None, None
        window, at = f"last:{WINDOW_VALUES}", record.at
        told = [
            Metric(
                *series, window, f"drift:{name}", p, None, None, WINDOW_VALUES, at, here.sequence
            )
            for name, p in look.p_values.items()
        ]
        drifting = self._inputs.drifting_features(about, here.store)
        return told, self._alerts.drifting(about, drifting, record.at, here)

    def _remove(self, old: Scored, about: Subject, pair_id: bytes, here: Here) -> list[Alert]:
        summed, day = summed_of(old.compared), day_of(old.at)
        name = keys.row_of(old.at, pair_id)
        states = self._series.changing_each(about.lane_key, series_of(old), here.store)
        for state in states.values():
            state.remove_row(name, here.store)
            state.remove(summed, day, here.sequence)
        return self._alerts.counted(about, states, old.at, here)

    def _here(self, sequence: int, store: Store) -> Here:
        return Here(sequence, Answers(self._series, self._controls, store), store)

    def _command(self, command: AlertCommand, here: Here) -> list[Event]:
        said, anew = self._alerts.command(command, here)
        for about in anew:
            if command.segment_field is None:
                self._inputs.relearn(about, here.store)
            for series in self._series.of(about.lane_key, about.model_version, here.store):
                segment = (series.name.field, series.name.value)
                if command.segment_field is None or names_level(command, [segment]):
                    self._series.changing(series, here.store).relearn()
        return [*said]

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
        self._alerts.save(store)
        self._domains.save(store)
        self._inputs.save(store)
        return published

    def _tell(self, series: SeriesId, in_full: bool, published: list[Event], store: Store) -> int:
        """Add the metrics of a series to those published; return how many pairs were ranked."""
        state = self._series.changing(series, store)
        state.save_rows(store)
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
        record: Scored,
        states: dict[SeriesName, SeriesState],
        here: Here,
    ) -> list[Alert]:
        """Show the pair to the watch of each of its series; return what the alerts say of it."""
        if record.error is None:
            return []
        standing = self._alerts.standing(about, here.store)
        looked = look(states, record, standing.frozen, standing.episode, self._options)
        whole = next(iter(states.values())).watch
        shown = Look(record.at, looked.scores, looked.changes, looked.strength, whole.missing)
        said = self._alerts.look(about, shown, here)
        if record.numeric:
            said += self._alerts.erred(about, record.error, record.at, whole.baseline, here)
        return said
