"""Streams of errors: without drift for a model-year, or with one change after the baseline.

Errors are in SD of what they are while nothing changes. A setting says how they are distributed and
how much those of one run have in common; a scenario says what changes.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

BASELINE_PAIRS = 200
YEAR_PAIRS, RUN_PAIRS, LOTS = 5_000, 20, 4
# The change comes so many pairs after the baseline, and up to a window later: no window of a
# contestant is aligned with it.
QUIET_PAIRS, OFFSETS = 40, 50
DELAY_MAX = 1_000


class Stream(NamedTuple):
    """Errors in the order of the log, the run and reagent lot of each, and where the change is.

    The first `baseline` are known to be good; `change` is the place of the first that is not, None
    for no change. `icc` is the correlation of two errors of a run, for who may know it.
    """

    errors: list[float]
    runs: list[int]
    lots: list[int]
    baseline: int
    change: int | None
    icc: float

    def standardised(self) -> list[float]:
        """Return the errors in SD of the baseline, about its mean."""
        errors = np.asarray(self.errors)
        known = errors[: self.baseline]
        scores: list[float] = ((errors - known.mean()) / known.std(ddof=1)).tolist()
        return scores


class Setting(NamedTuple):
    """How errors are while nothing changes; `draw(rng, n)` gives errors and their runs."""

    draw: Callable[[np.random.Generator, int], tuple[Numbers, Counts]]
    icc: float


def _runs(n: int) -> Counts:
    return np.arange(n) // RUN_PAIRS


def _in_runs(icc: float, freedom: float | None = None) -> Setting:
    def draw(rng: np.random.Generator, n: int) -> tuple[Numbers, Counts]:
        runs = _runs(n)
        if freedom is None:
            own = rng.standard_normal(n)
        else:
            own = rng.standard_t(freedom, n) / (freedom / (freedom - 2)) ** 0.5
        shared = rng.standard_normal(int(runs[-1]) + 1)[runs]
        return icc**0.5 * shared + (1 - icc) ** 0.5 * own, runs

    return Setting(draw, icc)


def _from_runs(pool: list[list[float]]) -> Setting:
    """Return a setting that draws whole runs of real errors, with replacement.

    Errors that are alone in their runs are drawn singly and make runs as generated ones do.
    """
    flat = np.concatenate([np.asarray(run) for run in pool])
    mean, sd = flat.mean(), flat.std(ddof=1)
    scaled = [(np.asarray(run) - mean) / sd for run in pool]
    if len(flat) == len(pool):
        return Setting(lambda rng, n: (rng.choice((flat - mean) / sd, n), _runs(n)), 0.0)

    def draw(rng: np.random.Generator, n: int) -> tuple[Numbers, Counts]:
        errors, runs = list[Numbers](), list[Counts]()
        taken = 0
        while taken < n:
            run = rng.permutation(scaled[int(rng.integers(len(scaled)))])
            errors.append(run)
            runs.append(np.full(len(run), len(runs)))
            taken += len(run)
        return np.concatenate(errors)[:n], np.concatenate(runs)[:n]

    return Setting(draw, _icc(scaled))


def _icc(runs: list[Numbers]) -> float:
    """Return the intraclass correlation by the analysis of variance, 0 or more."""
    size = float(np.mean([len(run) for run in runs]))
    if size <= 1:
        return 0.0
    between = size * float(np.var([run.mean() for run in runs], ddof=1))
    within = float(np.mean([run.var(ddof=1) for run in runs]))
    return max(0.0, (between - within) / (between + (size - 1) * within))


def settings(pools: Mapping[str, list[list[float]]]) -> dict[str, Setting]:
    """Return all settings by name; `pools` are real errors by run."""
    return {
        "ICC 0": _in_runs(0.0),
        "ICC 0.1": _in_runs(0.1),
        "ICC 0.3": _in_runs(0.3),
        "t5 tails": _in_runs(0.0, 5.0),
        **{name: _from_runs(pool) for name, pool in pools.items()},
    }


class _After(NamedTuple):
    """Pairs after the change: errors, lots, how long after it each is, and which way means move."""

    errors: Numbers
    lots: Counts
    since: Numbers
    way: int
    rng: np.random.Generator


def _calibration(after: _After) -> Numbers:
    # Molecules differ by 2 SD of the error; the slope of prediction on outcome falls to 1/2.
    return after.errors - 0.5 * 2.0 * after.rng.standard_normal(len(after.errors))


SCENARIOS: dict[str, Callable[[_After], Numbers]] = {
    "abrupt 1 SD": lambda after: after.errors + after.way,
    "abrupt 0.5 SD": lambda after: after.errors + after.way * 0.5,
    "gradual": lambda after: after.errors + after.way * np.minimum(after.since / 500, 1.0),
    "one lot 1.5 SD": lambda after: after.errors + after.way * 1.5 * (after.lots == 0),
    "spread x1.5": lambda after: after.errors * 1.5,
    "calibration": _calibration,
}


def _rng(*names: str | int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(str(name).encode()) for name in names])


def _lots(rng: np.random.Generator, runs: Counts) -> Counts:
    found: Counts = rng.integers(LOTS, size=int(runs[-1]) + 1)[runs]
    return found


def year(name: str, setting: Setting, number: int) -> Stream:
    """Return a baseline and a model-year without drift."""
    rng = _rng("year", name, number)
    errors, runs = setting.draw(rng, BASELINE_PAIRS + YEAR_PAIRS)
    lots = _lots(rng, runs)
    return _stream(errors, runs, lots, None, setting.icc)


def changed(name: str, setting: Setting, scenario: str, number: int) -> Stream:
    """Return a baseline, then some pairs as good, then DELAY_MAX pairs with a change."""
    rng = _rng("changed", name, scenario, number)
    change = BASELINE_PAIRS + QUIET_PAIRS + int(rng.integers(OFFSETS))
    errors, runs = setting.draw(rng, change + DELAY_MAX)
    lots = _lots(rng, runs)
    since = np.arange(1.0, DELAY_MAX + 1)
    # Half of the streams each way: a detector of one side shall not be lucky.
    after = _After(errors[change:], lots[change:], since, 1 if number % 2 else -1, rng)
    errors = np.concatenate((errors[:change], SCENARIOS[scenario](after)))
    return _stream(errors, runs, lots, change, setting.icc)


def _stream(errors: Numbers, runs: Counts, lots: Counts, change: int | None, icc: float) -> Stream:
    return Stream(errors.tolist(), runs.tolist(), lots.tolist(), BASELINE_PAIRS, change, icc)


def known_change(case: Mapping[str, Any]) -> Stream:
    """Return a real series with a change that its history tells of; each value is its own run."""
    n = len(case["errors"])
    return Stream(
        list(case["errors"]), list(range(n)), [0] * n, case["baseline"], case["change"], 0.0
    )
