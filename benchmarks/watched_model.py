"""A model version under the product's own watches and alert, without Kafka and without a store."""

from collections import deque
from dataclasses import dataclass, field

from processors.alerting import AlertKeeper, Subject
from processors.monitor import CAUSE_ROWS_MAX
from processors.options import DEFAULTS, Options
from processors.series import Scored, SeriesName, series_of
from processors.series_watches import look
from processors.watch import Watch

DAY_US = 24 * 3600 * 1_000_000


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
        self._keeper = AlertKeeper(Subject("model", "1", "assay"))
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
        keeper = self._keeper
        was_open = keeper.is_open
        scores, changes = look(concerned, record, was_open, keeper.episode, self.options)
        keeper.seen(scores, self._taken, self._rows, self._learned)
        opened = False
        for change in changes:
            opened |= bool(
                keeper.changed(change, record.at, self._taken, self._rows, self._learned)
            )
        self.alerts += opened
        return opened

    def _watch(self, name: SeriesName) -> Watch:
        options = self.options
        whole = name.field is None
        return Watch(options.detectors, None, None, options.baseline_results, whole)

    def _rows(self) -> list[Scored]:
        return list(self._newest)

    def _learned(self, name: SeriesName) -> bool:
        each = self.series.get(name)
        return each is not None and each.watch.missing is None


def record(
    error: float, day: int, context: tuple[str | None, str | None, str | None, str | None]
) -> Scored:
    """Return a scored pair with an error, of the run of a day."""
    return Scored("1", day * DAY_US, context, error, 0.0, None, None, None)
