"""A model version under the product's own watches and alert, without Kafka and without a store."""

from collections import deque
from dataclasses import dataclass, field

from processors.alerts.alerts import Alerts
from processors.alerts.news import Look
from processors.alerts.subject import Here, Subject
from processors.answers import CAUSE_ROWS_MAX
from processors.assay.mean_shift import ControlResults
from processors.options import DEFAULTS, Options
from processors.series import Scored, SeriesName, series_of
from processors.series_watches import look
from processors.store import MemoryStore
from processors.watch import Watch

DAY_US = 24 * 3600 * 1_000_000
ABOUT = Subject("model", "1", "assay")


@dataclass
class _Series:
    watch: Watch
    n: int = 0


@dataclass
class WatchedModel:
    """Takes scored pairs in the order of the log, as `Monitor` does with those that are new.

    The order of measured_at is that of the log here, so that an alert is explained by the newest
    pairs as they came; with `explains` False it is explained by none, which spares time and makes
    no difference where no context is stated.
    """

    options: Options = DEFAULTS
    explains: bool = True
    series: dict[SeriesName, _Series] = field(default_factory=dict, init=False)
    alerts: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Start without pairs."""
        self._alerts = Alerts(self.options)
        self._store = MemoryStore()
        self._newest: deque[Scored] = deque(maxlen=CAUSE_ROWS_MAX)
        self._taken = 0

    def take(self, record: Scored) -> bool:
        """Take a pair; return whether an alert opened with it."""
        self._taken += 1
        if self.explains:
            self._newest.append(record)
        concerned: dict[SeriesName, _Series] = {}
        for name in series_of(record):
            each = self.series.get(name)
            if each is None:
                each = self.series[name] = _Series(self._watch(name))
            each.n += 1
            concerned[name] = each
        standing = self._alerts.standing(ABOUT, self._store)
        looked = look(concerned, record, standing.frozen, standing.episode, self.options)
        shown = Look(record.at, looked.scores, looked.changes, looked.strength)
        said = self._alerts.look(ABOUT, shown, Here(self._taken, self, self._store))
        now_open = self._alerts.standing(ABOUT, self._store).frozen
        opened = bool(said) and now_open and not standing.frozen
        self.alerts += opened
        return opened

    def _watch(self, name: SeriesName) -> Watch:
        options = self.options
        whole = name.field is None
        return Watch(options.detectors, None, None, options.baseline_results, whole)

    def rows(self, about: Subject) -> list[Scored]:
        """Return the newest pairs."""
        return list(self._newest)

    def beside(self, about: Subject) -> list[Scored]:
        """Return none: there is one version."""
        return []

    def controls(self, about: Subject, start: int | None) -> list[ControlResults]:
        """Return none."""
        return []

    def learned(self, about: Subject, series: SeriesName) -> bool:
        """Return whether a series has its baseline."""
        each = self.series.get(series)
        return each is not None and each.watch.missing is None


def record(
    error: float, day: int, context: tuple[str | None, str | None, str | None, str | None]
) -> Scored:
    """Return a scored pair with an error, of the run of a day."""
    return Scored("1", day * DAY_US, context, error, 0.0, None, None, None)
