"""The metrics of a series' windows, in event time: all, the last pairs, and the last days."""

from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate, compress, islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from processors.day_windows import day_windows
from processors.keys import time_of
from processors.metrics import Estimate, compute
from processors.options import Options
from processors.series import Compared
from processors.series_state import SeriesState
from processors.store import Store
from processors.summaries.values import Values
from processors.window_sums import WindowSums, terms_of

ALL = "all"
# Rank metrics need every pair of the window: of a larger one only when there is time, and of one
# above the second limit not at all.
RANK_PAIRS_BUSY_MAX = 200
RANK_PAIRS_MAX = 10_000

RANK_METRICS = ("kendall_tau", "roc_auc")

Numbers = npt.NDArray[np.float64]


class Measured(NamedTuple):
    """One metric of one window; `at` is the measured_at of its newest pair, None if not stated."""

    window: str
    metric: str
    estimate: Estimate
    at: int | None


class Measurement(NamedTuple):
    """The metrics of a series; `complete` unless rank metrics were left out to save time.

    `rank_pairs` says how many pairs the largest window had whose ranks were taken.
    """

    measured: list[Measured]
    complete: bool
    rank_pairs: int


class _Rows:
    """The newest pairs of a series, newest first, and the values of the first of them."""

    def __init__(self, state: SeriesState, store: Store, pairs: int) -> None:
        self.at: int | None = None
        self.pairs: list[Compared] = []
        # One by one: keys and records of a large window take more room than what is read of them.
        for key, value in islice(store.scan(state.keys.rows, reverse=True), pairs):
            if not self.pairs:
                self.at = time_of(key)
            self.pairs.append(Compared.from_bytes(value))

    @cached_property
    def _numbers(self) -> tuple[list[int], Numbers, Numbers]:
        held = [pair.predicted is not None and pair.measured is not None for pair in self.pairs]
        pairs = list(compress(self.pairs, held))
        predicted, measured = (np.array([p[i] for p in pairs], np.float64) for i in (0, 1))
        return list(accumulate(held, initial=0)), predicted, measured

    @cached_property
    def _labels(self) -> tuple[list[int], list[float], list[str]]:
        counts, probabilities, labels = [0], [], []
        for pair in self.pairs:
            if pair.probability is not None and pair.measured_label is not None:
                probabilities.append(pair.probability)
                labels.append(pair.measured_label)
            counts.append(len(labels))
        return counts, probabilities, labels

    def values(self, pairs: int) -> Values | None:
        """Return the values of the newest `pairs`, None when they have none."""
        counts, predicted, measured = self._numbers
        numeric = counts[pairs]
        counts, probabilities, labels = self._labels
        ranked = counts[pairs]
        if not numeric and not ranked:
            return None
        return Values(
            predicted[:numeric], measured[:numeric], probabilities[:ranked], labels[:ranked]
        )


def _estimates(sums: WindowSums, ranks: Values | None) -> list[tuple[str, Estimate]]:
    told = [("n", Estimate(float(sums.n), None, None, sums.n))]
    told += [named for named in compute(sums.moments, sums.confusion, ranks) if named[0] != "n"]
    return told


def _last_windows(
    state: SeriesState, rows: _Rows, windows: tuple[int, ...]
) -> Iterator[tuple[str, WindowSums]]:
    sums = WindowSums()
    for size in sorted(set(windows)):
        if size >= state.n:
            yield f"last:{size}", state.whole
            continue
        for pair in rows.pairs[sums.n : size]:
            sums.add(pair, terms_of(pair))
        yield f"last:{size}", sums.copy()


def metrics_of(state: SeriesState, store: Store, options: Options, in_full: bool) -> Measurement:
    """Return every metric of every window of a series whose days are saved.

    Unless it is to be `in_full`, rank metrics of windows above RANK_PAIRS_BUSY_MAX are left out.

    What was published before and no longer applies is returned as undefined, so that its old value
    does not stand.

    >>> from processors.series import SeriesName
    >>> from processors.store import MemoryStore
    >>> store, state = MemoryStore(), SeriesState(b"net", SeriesName("1", None, None))
    >>> pair = Compared(1.5, 1.0, None, None, None)
    >>> state.add(pair, terms_of(pair), 5, 1, store); state.save(store)
    >>> store.put(state.keys.row(5, b"i" * 16), pair.to_bytes())
    >>> told = metrics_of(state, store, Options(), True)
    >>> [(m.window, m.estimate.value) for m in told.measured if m.metric == "mae"]
    [('all', 0.5), ('days:30', 0.5), ('last:50', 0.5), ('last:200', 0.5)]
    >>> told.complete, told.rank_pairs
    (True, 1)
    """
    rank_pairs_max = RANK_PAIRS_MAX if in_full else RANK_PAIRS_BUSY_MAX
    days = day_windows(store, state.keys.days, options.window_days)
    windows = [(ALL, state.whole), *((f"days:{size}", sums) for size, sums in days)]
    ranked = [sums.n for _, sums in windows if sums.n <= rank_pairs_max]
    rows = _Rows(state, store, max(*ranked, *options.window_pairs, 1))
    windows += _last_windows(state, rows, options.window_pairs)
    told: list[Measured] = []
    unsaid: set[tuple[str, str]] = set()
    # Every window holds the newest pairs: of one size they are one window by several names.
    by_size: dict[int, list[tuple[str, Estimate]]] = {}
    for window, sums in windows:
        with_ranks = sums.n <= rank_pairs_max
        if sums.n not in by_size:
            by_size[sums.n] = _estimates(sums, rows.values(sums.n) if with_ranks else None)
        told += [Measured(window, name, found, rows.at) for name, found in by_size[sums.n]]
        if not with_ranks and not in_full:
            unsaid |= {(window, metric) for metric in RANK_METRICS} & state.published
    now = {(measured.window, measured.metric) for measured in told} | unsaid
    told += [_gone(*name, rows.at) for name in sorted(state.published - now)]
    state.published = frozenset(now)
    complete = in_full or not any(rank_pairs_max < size <= RANK_PAIRS_MAX for size in by_size)
    return Measurement(told, complete, max((n for n in by_size if n <= rank_pairs_max), default=0))


def _gone(window: str, metric: str, at: int | None) -> Measured:
    if metric == "n":
        return Measured(window, metric, Estimate(0.0, None, None, 0), at)
    return Measured(window, metric, Estimate(None, None, None, 0, "no pairs"), at)
