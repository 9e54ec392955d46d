"""The metrics of a series' windows, in event time: `all`, and the last pairs by measured_at."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from processors.metrics import Estimate, compute
from processors.series import Scored
from processors.series_state import SeriesState
from processors.summaries.confusion import Confusion
from processors.summaries.moments import Moments
from processors.summaries.values import Values

ALL = "all"
LAST_PAIRS = (50, 200)
# Rank metrics need every pair of the window: of a larger `all` only when no input waits, and of
# more than the second limit not at all.
RANK_PAIRS_BUSY_MAX = 2_000
RANK_PAIRS_MAX = 100_000

RANK_METRICS = ("kendall_tau", "roc_auc")

Scan = Callable[..., Iterator[tuple[bytes, bytes]]]


class Measured(NamedTuple):
    """One metric of one window; `at` is the measured_at of its newest pair, None if not stated."""

    window: str
    metric: str
    estimate: Estimate
    at: int | None


def _values(rows: Sequence[Scored]) -> Values | None:
    predicted: list[float] = []
    measured: list[float] = []
    probabilities: list[float] = []
    labels: list[str] = []
    for row in rows:
        if row.predicted is not None and row.measured is not None:
            predicted.append(row.predicted)
            measured.append(row.measured)
        if row.probability is not None and row.measured_label is not None:
            probabilities.append(row.probability)
            labels.append(row.measured_label)
    if not predicted and not labels:
        return None
    return Values(predicted, measured, probabilities, labels)


def _newest(scan: Scan, pairs: int) -> list[Scored]:
    return [Scored.from_bytes(value) for _, value in islice(scan(reverse=True), pairs)]


def _window(
    window: str,
    n: int,
    at: int | None,
    moments: Moments,
    confusion: Confusion,
    ranks: Values | None,
) -> Iterator[Measured]:
    yield Measured(window, "n", Estimate(float(n), None, None, n), at)
    for name, estimate in compute(moments, confusion, ranks):
        if name != "n":
            yield Measured(window, name, estimate, at)


def _last(pairs: int, newest: Sequence[Scored]) -> Iterator[Measured]:
    rows = newest[:pairs]
    moments, confusion = Moments(), Confusion()
    for row in rows:
        if row.predicted is not None and row.measured is not None:
            moments.update(row.predicted, row.measured)
        if row.predicted_label is not None and row.measured_label is not None:
            confusion.update(row.predicted_label, row.measured_label)
    at = rows[0].at if rows else None
    yield from _window(f"last:{pairs}", len(rows), at, moments, confusion, _values(rows))


def metrics_of(state: SeriesState, scan: Scan, quiet: bool) -> list[Measured]:
    """Return every metric of every window of a series.

    `scan(reverse=True)` gives the series' pairs, newest first. What was published before and no
    longer applies is returned as undefined, so that its old value does not stand.

    >>> from processors.series import SeriesName
    >>> state = SeriesState(SeriesName("1", None, None))
    >>> row = Scored("1", 5, (None,) * 4, 1.5, 1.0, None, None, None)
    >>> state.add(row, 1)
    >>> scan = lambda reverse: iter([(b"", row.to_bytes())])
    >>> [m.estimate.value for m in metrics_of(state, scan, True) if m.metric == "mae"]
    [0.5, 0.5, 0.5]
    """
    with_ranks = state.n <= (RANK_PAIRS_MAX if quiet else RANK_PAIRS_BUSY_MAX)
    newest = _newest(scan, state.n if with_ranks else max(LAST_PAIRS))
    ranks = _values(newest) if with_ranks else None
    at = newest[0].at if newest else None
    told = list(_window(ALL, state.n, at, state.moments, state.confusion, ranks))
    for pairs in LAST_PAIRS:
        told += _last(pairs, newest)
    now = {(measured.window, measured.metric) for measured in told}
    if not with_ranks:
        now |= {(ALL, metric) for metric in RANK_METRICS} & state.published
    gone = Estimate(None, None, None, 0, "no pairs")
    told += [Measured(*name, gone, at) for name in sorted(state.published - now)]
    state.published = now
    return told


def complete(state: SeriesState, quiet: bool) -> bool:
    """Return whether `metrics_of` tells all there is to tell, rank metrics included."""
    return quiet or state.n <= RANK_PAIRS_BUSY_MAX
