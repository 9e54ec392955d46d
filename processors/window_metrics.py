"""The metrics of a series' windows, in event time: all, the last pairs, and the last days."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from processors.class_metrics import compute_classes
from processors.day_windows import day_windows
from processors.figures.estimate import Estimate
from processors.metrics import all_metrics, compute
from processors.options import Options
from processors.series_state import Mark, SeriesState
from processors.store import Store
from processors.summaries.values import Values
from processors.window_rows import WindowRows
from processors.window_sums import WindowSums

ALL = "all"
# Rank metrics need every pair of the window: of a larger one only when there is time, and of one
# above the second limit not at all.
RANK_PAIRS_BUSY_MAX = 200
RANK_PAIRS_MAX = 10_000

NONE: frozenset[str] = frozenset()


class Measured(NamedTuple):
    """One metric of one window; `at` is the measured_at of its newest pair, None if not stated."""

    window: str
    metric: str
    estimate: Estimate
    at: int | None


class Measurement(NamedTuple):
    """What is new of a series; `complete` unless rank metrics were left out to save time.

    `rank_pairs` says how many pairs the largest window had whose ranks were taken.
    """

    measured: list[Measured]
    complete: bool
    rank_pairs: int


def _estimates(sums: WindowSums, values: Values | None) -> list[tuple[str, Estimate]]:
    told = [("n", Estimate(float(sums.n), None, None, sums.n))]
    told += [named for named in compute(sums.moments, sums.confusion, values) if named[0] != "n"]
    if sums.confusion.n:
        told += compute_classes(sums.confusion, whole=False)
    return told


class _Window(NamedTuple):
    """A window to be told of; `mark` is equal as long as its pairs are."""

    name: str
    sums: WindowSums
    mark: Mark


def _windows(
    whole: WindowSums,
    sequence: int,
    days: list[tuple[int, WindowSums]],
    rows: WindowRows,
    sizes: tuple[int, ...],
) -> Iterator[_Window]:
    yield _Window(ALL, whole, sequence)
    for size, sums in days:
        yield _Window(f"days:{size}", sums, sequence)
    sums, last = WindowSums(), 0
    for size in sorted(set(sizes)):
        if size >= whole.n:
            yield _Window(f"last:{size}", whole, sequence)
            continue
        sums = sums.copy()
        sums.merge(rows.sums(last, size))
        last = size
        yield _Window(f"last:{size}", sums, rows.digest(size))


def metrics_of(state: SeriesState, store: Store, options: Options, in_full: bool) -> Measurement:
    """Return what is new of the metrics of a series, whose days are saved.

    A window is left out whose pairs are those it had when this was last asked of `state`. Unless it
    is to be `in_full`, rank metrics of windows above RANK_PAIRS_BUSY_MAX are left out, too.

    What was published before and no longer applies is returned as undefined, so that its old value
    does not stand.

    >>> from processors.keys import row_of
    >>> from processors.series import Compared, SeriesName
    >>> from processors.store import MemoryStore
    >>> from processors.window_sums import summed_of
    >>> store, state = MemoryStore(), SeriesState(b"net", SeriesName("1", None, None))
    >>> pair = Compared(1.5, 1.0, None, None, None)
    >>> state.put_row(row_of(5, b"i" * 16), pair.to_bytes())
    >>> state.add(summed_of(pair), 0, 1); state.save(store)
    >>> told = metrics_of(state, store, Options(), True)
    >>> [(m.window, m.estimate.value) for m in told.measured if m.metric == "mae"]
    [('all', 0.5), ('days:30', 0.5), ('last:50', 0.5), ('last:200', 0.5)]
    >>> told.complete, told.rank_pairs
    (True, 1)
    >>> metrics_of(state, store, Options(), True).measured
    []
    """
    rank_pairs_max = RANK_PAIRS_MAX if in_full else RANK_PAIRS_BUSY_MAX
    days = list(day_windows(store, state.keys.days, options.window_days))
    ranked = [n for n in (state.n, *(sums.n for _, sums in days)) if n <= rank_pairs_max]
    rows = WindowRows(state.keys, store, max(*ranked, *options.window_pairs, 1))
    told: list[Measured] = []
    now: dict[str, frozenset[str]] = {}
    # Every window holds the newest pairs: of one size they are one window by several names.
    by_size: dict[int, list[tuple[str, Estimate]]] = {}
    left = False
    ranks = 0
    windows = _windows(state.whole(store), state.sequence, days, rows, options.window_pairs)
    for name, sums, mark in windows:
        with_values = sums.n <= rank_pairs_max
        left = left or (not with_values and sums.n <= RANK_PAIRS_MAX)
        published = state.published.get(name, NONE)
        if state.told.get(name) in ((mark, True), (mark, with_values)):
            now[name] = published
            continue
        state.told[name] = mark, with_values
        if sums.n not in by_size:
            by_size[sums.n] = _estimates(sums, rows.values(sums.n) if with_values else None)
            ranks = max(ranks, sums.n * with_values)
        found = by_size[sums.n]
        if name == ALL and sums.confusion.n:
            found = found + compute_classes(sums.confusion, whole=True)
        told += [Measured(name, metric, figure, rows.at) for metric, figure in found]
        now[name] = frozenset(metric for metric, _ in found)
        if not with_values and not in_full:
            now[name] |= published & _of_values()
    for name, published in state.published.items():
        gone = sorted(published - now.get(name, NONE))
        told += [_gone(name, metric, rows.at) for metric in gone]
    state.published = now
    return Measurement(told, in_full or not left, ranks)


@cache
def _of_values() -> frozenset[str]:
    return frozenset(name for name, metric in all_metrics().items() if metric.NEEDS is Values)


def _gone(window: str, metric: str, at: int | None) -> Measured:
    if metric == "n":
        return Measured(window, metric, Estimate(0.0, None, None, 0), at)
    return Measured(window, metric, Estimate(None, None, None, 0, "no pairs"), at)
