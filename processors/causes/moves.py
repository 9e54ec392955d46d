"""How far levels moved from all other results, and how sure that is.

Least squares, with the variance that a random effect of the run gives the estimate: levels that
change from run to run are judged by run means, levels that mix within runs by results. Each
level's variances are those left beside its own effect, so that a bad level does not hide in the
spread it makes; results before and since the change each have their own. Reference: S. R. Searle,
G. Casella, C. E. McCulloch (1992), Variance components; degrees of freedom by F. E. Satterthwaite
(1946), Biometrics Bulletin 2, 110-114.
"""

from typing import NamedTuple

import numpy as np

from processors.causes.results import Codes, Flags, Numbers
from processors.causes.spread import RunSizes, mean_squares, run_size, run_variance

# Less than this many results' worth of information about a level is none.
INFORMATION_MIN = 2.0
_NEGLIGIBLE = 1e-9


class Moves(NamedTuple):
    """Per column: the effect, its standard error, degrees of freedom and two-sided p-value.

    `strengths` are squares of the normal scores that have these p-values. Where too little tells of
    it, `judged` is false, the effect and the strength 0 and the p-value 1.
    """

    effects: Numbers
    errors: Numbers
    freedoms: Numbers
    p_values: Numbers
    strengths: Numbers
    judged: Flags

    def interval(self, column: int) -> tuple[float, float]:
        """Return the 95 % interval of one effect."""
        from scipy.special import stdtrit  # slow to import

        reach = float(stdtrit(self.freedoms[column], 0.975) * self.errors[column])
        return float(self.effects[column]) - reach, float(self.effects[column]) + reach


class Past(NamedTuple):
    """What counts of the results before the change: none of them is in any column.

    `squares` and `run_squares` are sums of squares about the mean, of all and of those between
    runs.
    """

    number: int
    mean: float
    squares: float
    run_squares: float
    run_sizes: RunSizes


def past_of(values: Numbers, runs: Codes) -> Past:
    """Return what counts of values before the change; `runs` numbers the run of each.

    >>> past = past_of(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 7, 7]))
    >>> past.mean, past.squares, past.run_squares, past.run_sizes
    (2.0, 4.0, 4.0, RunSizes(runs=2, results=4, squares=8))
    """
    mean = float(values.mean()) if values.size else 0.0
    own = values - mean
    squares, run_squares, sizes = mean_squares(own, runs)
    return Past(values.size, mean, squares, run_squares, sizes)


class Design:
    """Columns to be judged beside others that are taken out of them and of what is observed.

    `columns` (results since x levels) and `beside` (results since x any) are 0 or 1; the mean is
    always taken out. `runs` numbers each row's run. `standing` (results since x levels, 0 or 1)
    says which rows were freed of which standing difference, `variance` how uncertain each is.
    """

    def __init__(
        self,
        columns: Numbers,
        beside: Numbers,
        past: int,
        runs: Codes,
        standing: Numbers,
        variance: Numbers,
    ) -> None:
        # The results before are alike in all columns: they are one row with their weight.
        self._weight = past**0.5
        constant = np.ones((runs.size + 1, 1))
        constant[0] = self._weight
        none = np.zeros((1, beside.shape[1]))
        self._basis = np.linalg.qr(np.hstack([constant, np.vstack([none, beside])]))[0]
        own = -self._basis @ (self._basis[1:].T @ columns)
        self._total = past + runs.size
        self._before = own[0]
        self._columns = own[1:] + columns
        self._information_since = (self._columns**2).sum(axis=0)
        self._information = self._information_since + self._before**2
        _, self._runs = np.unique(runs, return_inverse=True)
        self._sizes = np.bincount(self._runs).astype(float)
        order = np.argsort(self._runs, kind="stable")
        starts = np.cumsum(self._sizes, dtype=int) - self._sizes.astype(int)
        self._run_sums = np.add.reduceat(self._columns[order], starts, axis=0)
        self._extra = ((self._columns.T @ standing) ** 2) @ variance

    def moves(self, observed: Numbers, past: Past) -> Moves:
        """Return how far each column moved; `observed` are the values since the change.

        >>> bad = np.repeat([0.0, 1.0], 15)[:, None]
        >>> noise, none = np.tile([-1.0, 1.0], 20), np.zeros((30, 0))
        >>> past = past_of(noise[:10], np.arange(10))
        >>> design = Design(bad, none, 10, np.arange(30), none, np.zeros(0))
        >>> moves = design.moves(noise[10:] + 3 * bad[:, 0], past)
        >>> moves.effects.round(2).tolist(), bool(moves.p_values[0] < 1e-6)
        ([3.11], True)
        """
        from scipy.special import ndtri, stdtr  # slow to import

        rows = np.append(self._weight * past.mean, observed)
        rest = rows - self._basis @ (self._basis.T @ rows)
        squares = float(rest @ rest) + past.squares
        known = (self._information >= INFORMATION_MIN) & (squares > 0)
        information = np.where(known, self._information, 1.0)
        moved = self._columns.T @ rest[1:] + self._before * rest[0]
        effects = np.where(known, moved, 0.0) / information
        left = squares - effects**2 * information
        runs, runs_ms, runs_df = self._between_runs(rest, left, past)
        by_results, freedoms = self._within_runs(rest, effects, runs, past)
        by_results = by_results / information**2
        share = (self._run_sums**2).sum(axis=0)
        if past.number:
            share = share + (self._before / past.number**0.5) ** 2 * past.run_sizes.squares
        share = share / information**2
        variances = by_results + runs * share + self._extra / information**2
        uncertain = by_results**2 / freedoms + (runs > 0) * (share * runs_ms) ** 2 / runs_df
        judged = known & (variances > 0) & (uncertain > 0)
        freedoms = variances**2 / np.where(judged, uncertain, 1.0)
        freedoms = np.where(judged, np.clip(freedoms, 1.0, self._total), 1.0)
        errors = np.sqrt(np.where(judged, variances, 1.0))
        halves = np.where(judged, stdtr(freedoms, -np.abs(effects) / errors), 0.5)
        return Moves(
            effects=np.where(judged, effects, 0.0),
            errors=np.where(judged, errors, 0.0),
            freedoms=freedoms,
            p_values=2 * halves,
            strengths=ndtri(np.maximum(halves, np.finfo(float).tiny)) ** 2,
            judged=judged,
        )

    def _within_runs(
        self, rest: Numbers, effects: Numbers, runs: Numbers, past: Past
    ) -> tuple[Numbers, Numbers]:
        """Return what the spread of single results adds to each variance, and its freedom.

        The former is in units of the information squared.
        """
        own, number = rest[1:], self._basis.shape[1]
        # Where there is a past, the mean that was taken out is that of the past.
        squares, freedom = float(own @ own), max(1, own.size - number - (not past.number))
        left = (
            squares - 2 * effects * (self._columns.T @ own) + effects**2 * self._information_since
        )
        since = np.maximum(left / freedom - runs, _NEGLIGIBLE * squares / freedom)
        since = since * self._information_since
        uncertain = since**2 / freedom
        freedom = max(1, past.number - 1)
        before = np.maximum(past.squares / freedom - runs, 0.0) * self._before**2
        total = since + before
        uncertain = uncertain + before**2 / freedom
        freedoms = np.where(uncertain > 0, total**2 / np.where(uncertain > 0, uncertain, 1.0), 1.0)
        return total, freedoms

    def _between_runs(
        self, rest: Numbers, left: Numbers, past: Past
    ) -> tuple[Numbers, Numbers, float]:
        """Return per column the variance between runs, the uncertain part of it, and its freedom.

        The latter two are the mean square between runs in units of the variance, and its degrees.
        `left` are the sums of squares beside each column.
        """
        sums = np.bincount(self._runs, rest[1:])
        explained = self._run_sums / self._sizes[:, None]
        weights = (self._run_sums * explained).sum(axis=0) + self._before**2
        gains = ((explained * sums[:, None]).sum(axis=0) + self._before * rest[0]) ** 2
        squares = float((sums**2 / self._sizes).sum()) + past.run_squares + float(rest[0] ** 2)
        between = np.maximum(squares - gains / np.maximum(weights, INFORMATION_MIN), 0.0)
        sizes = RunSizes(
            past.run_sizes.runs + self._sizes.size,
            self._total,
            past.run_sizes.squares + int((self._sizes**2).sum()),
        )
        between_df = sizes.runs - self._basis.shape[1] - 1
        within_df = sizes.results - sizes.runs
        if between_df < 1 or within_df < 1:
            nothing = np.zeros(left.size)
            return nothing, nothing, 1.0
        size = run_size(sizes)
        between_ms = between / between_df
        within_ms = np.maximum(left - between, 0.0) / within_df
        return run_variance(between_ms, within_ms, size), between_ms / size, between_df
