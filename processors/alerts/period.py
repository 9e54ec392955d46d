"""What a lab's rule finds in one period of a series, from the results themselves."""

from functools import cache
from typing import NamedTuple

from processors.alerts.rule import Rule
from processors.figures.estimate import Estimate
from processors.keys import SeriesKeys
from processors.metrics import Metric, all_metrics
from processors.options import DAY_US
from processors.row_runs import rows_between
from processors.series import Compared
from processors.store import Store
from processors.summaries.positive import positive_label
from processors.summaries.summary import Summary
from processors.summaries.values import Values
from processors.window_sums import WindowSums, terms_of
from schemas.errors import SettingsError

# 1970-01-01 was a Thursday: with this many days added, weeks begin on Mondays.
_MONDAY_DAYS = 3
_PROBE_PAIRS = 40


class Finding(NamedTuple):
    """A metric of one period: `broken` beyond the rule's limit, `met` clearly not.

    Neither where there are too few results, or where the figure is beyond the limit and its
    interval includes it.
    """

    estimate: Estimate
    broken: bool
    met: bool


def period_of(at: int, days: int) -> int:
    """Return the number of the period of so many days that a time in microseconds lies in.

    >>> monday = 4 * DAY_US
    >>> period_of(monday - 1, 7), period_of(monday, 7), start_of(1, 7) == monday
    (0, 1, True)
    """
    return (at // DAY_US + _MONDAY_DAYS) // days


def start_of(period: int, days: int) -> int:
    """Return when a period begins, in microseconds; it ends where the next one begins.

    >>> start_of(period_of(0, 1), 1)
    0
    """
    return (period * days - _MONDAY_DAYS) * DAY_US


def finding(rule: Rule, series: SeriesKeys, period: int, store: Store) -> Finding:
    """Return what a rule of a metric finds in a period of a series.

    >>> from processors.keys import row_of
    >>> from processors.row_runs import put_rows
    >>> from processors.series import SeriesName
    >>> from processors.store import MemoryStore
    >>> store, series = MemoryStore(), SeriesKeys(b"net", SeriesName("1", None, None))
    >>> for i in range(40):
    ...     pair = Compared(None, None, "miss" if i % 2 else "hit", "hit", None)
    ...     put_rows(store, series.rows, {row_of(i, b"%016d" % i): pair.to_bytes()})
    >>> found = finding(Rule("r", metric="recall", below=0.8), series, 0, store)
    >>> found.estimate.value, found.broken, found.met
    (0.5, True, False)
    """
    first, end = start_of(period, rule.days), start_of(period + 1, rule.days)
    pairs = [pair for _, pair in rows_between(store, series.rows, first, end)]
    summaries = _summaries(pairs)
    metric = all_metrics()[rule.metric or ""]
    estimate = _estimate(metric, summaries)
    if estimate.value is None or estimate.n < rule.minimum_n:
        return Finding(estimate, False, False)
    if rule.minimum_positives and _positives(pairs) < rule.minimum_positives:
        return Finding(estimate, False, False)
    return Finding(estimate, *_judged(rule, estimate))


def _judged(rule: Rule, found: Estimate) -> tuple[bool, bool]:
    """Return whether a figure is beyond the rule's limit, and whether it is not at all."""
    assert found.value is not None
    by_value = rule.bound == "value"
    if rule.below is not None:
        edge = found.value if by_value or found.high is None else found.high
        return edge < rule.below, found.value >= rule.below
    assert rule.above is not None
    edge = found.value if by_value or found.low is None else found.low
    return edge > rule.above, found.value <= rule.above


def _summaries(pairs: list[Compared]) -> list[Summary]:
    sums = WindowSums()
    for pair in pairs:
        sums.add(pair, terms_of(pair))
    numeric = [(p[0], p[1]) for p in pairs if p.predicted is not None and p.measured is not None]
    ranked = [(p[4], p[3]) for p in pairs if p.probability is not None and p.measured_label]
    values = Values(
        [predicted for predicted, _ in numeric if predicted is not None],
        [measured for _, measured in numeric if measured is not None],
        [probability for probability, _ in ranked if probability is not None],
        [label for _, label in ranked if label is not None],
    )
    return [sums.moments, sums.confusion, values]


def _estimate(metric: Metric, summaries: list[Summary]) -> Estimate:
    fit = [summary for summary in summaries if isinstance(summary, metric.NEEDS)]
    return metric.get(next((summary for summary in fit if summary.n), fit[0]))


def _positives(pairs: list[Compared]) -> int:
    measured = [pair.measured_label for pair in pairs if pair.measured_label is not None]
    labels = {*measured, *(p.predicted_label for p in pairs if p.predicted_label is not None)}
    positive = positive_label(labels)
    return sum(label == positive for label in measured)


@cache
def check_interval(rule: Rule) -> None:
    """Raise SettingsError for a rule by the interval of a metric that has none.

    >>> check_interval(Rule("r", metric="r2", below=0.8))
    Traceback (most recent call last):
        ...
    schemas.errors.SettingsError: rule r: r2 has no interval; give bound = "value"
    """
    if rule.metric is None or rule.bound == "value":
        return
    labels = ("hit", "miss")
    pairs = [
        Compared(float(i % 7), float(i % 5), labels[i % 2], labels[i % 3 % 2], (i % 9) / 10)
        for i in range(_PROBE_PAIRS)
    ]
    found = _estimate(all_metrics()[rule.metric], _summaries(pairs))
    if found.low is None:
        raise SettingsError(
            f'rule {rule.name}: {rule.metric} has no interval; give bound = "value"'
        )
