"""Moments of a one-way layout: the mean of runs, how runs differ, and how results within runs do.

Results of one run share what that run did to all of them; a baseline that ignores it takes a
run's offset for a drift. References: S. R. Searle, G. Casella, C. E. McCulloch (1992), Variance
Components, chapter 3; T. F. Chan, G. H. Golub, R. J. LeVeque (1983), American Statistician 37,
242-247 (the update of moments).
"""

import math
from functools import cached_property
from typing import NamedTuple

# What runs that do not differ may lend of the variance within runs, in degrees of freedom of the
# variance between runs: without it few runs could say little, though results within them agree.
LENT_MAX = 2.0
# Most runs are no longer, and one that is very long must not be remembered result by result.
PRECISIONS_MAX = 32


class Precision(NamedTuple):
    """How well the mean of a run's first results is known.

    `error` is the standard error of its distance from the baseline's mean and `freedom` its degrees
    of freedom; `gain` is by how many standard errors it moves when all results do by one SD.
    `scale` is the factor of a normal score with that freedom (D. L. Wallace, 1959).
    """

    error: float
    freedom: float
    gain: float
    scale: float


class _Baseline(NamedTuple):
    mean: float
    runs: int
    run_size: float
    between: float
    between_freedom: float
    within: float
    within_freedom: int
    shared: float
    sd: float


class Baseline(_Baseline):
    """What is expected of results while nothing changes, in the unit of the results.

    `between` is the variance of means of runs of `run_size` results, known to `between_freedom`
    degrees; `within` that of results in one run, known to `within_freedom` (0: never two in a run).
    `shared` is the variance that the results of a run share, 0 or more; `sd` is the standard
    deviation of single results.
    """

    # All series of a model version ask for the same few.
    @cached_property
    def _precisions(self) -> dict[int, Precision]:
        return {}

    def precision(self, results: int) -> Precision:
        """Return how well the mean of the first `results` (1 or more) of a run is known.

        The degrees of freedom are Satterthwaite's: F. E. Satterthwaite (1946), Biometrics
        Bulletin 2, 110-114.
        """
        found = self._precisions.get(results)
        if found is None:
            found = self._precision(results)
            if results <= PRECISIONS_MAX:
                self._precisions[results] = found
        return found

    def _precision(self, results: int) -> Precision:
        share = 1 / results - 1 / self.run_size
        if share >= 0:
            within, known = self.within * share, self.between
        elif self.shared > 0:
            within, known = self.within / results, self.shared
        else:
            # Runs differ by less than results within them explain: longer ones by less still.
            within, known = 0.0, self.between * self.run_size / results
        known += self.between / self.runs
        variance = known + within
        unsure = known * known / self.between_freedom
        if self.within_freedom:
            unsure += within * within / self.within_freedom
        if unsure <= 0:
            return Precision(self.sd, 1.0, 0.0, 0.0)
        error = math.sqrt(variance)
        freedom = variance * variance / unsure
        return Precision(error, freedom, self.sd / error, (8 * freedom + 1) / (8 * freedom + 3))

    @property
    def intraclass_correlation(self) -> float:
        """The correlation of two results of one run, 0 to 1."""
        total = self.shared + self.within
        return self.shared / total if total > 0 else 0.0

    @cached_property
    def information(self) -> float:
        """How many independent results would tell the mean as well as the baseline does."""
        return self.sd * self.sd * self.runs / self.between if self.between > 0 else math.inf

    @cached_property
    def design_effect(self) -> float:
        """By how much runs inflate the variance of a mean of single results, 1 or more."""
        return 1 + max(self.run_size - 1, 0.0) * self.intraclass_correlation


class RunMoments(NamedTuple):
    """Moments of closed runs; `within` sums squares about the means of the runs.

    >>> moments = RunMoments().with_run(2, 1.0, 0.5).with_run(2, 3.0, 0.5).with_run(2, 2.0, 0.5)
    >>> moments.runs, moments.mean, moments.between / 2, moments.within / moments.within_freedom
    (3, 2.0, 1.0, 0.5)
    """

    results: int = 0
    runs: int = 0
    mean: float = 0.0
    between: float = 0.0
    within: float = 0.0
    within_freedom: int = 0

    def with_run(self, results: int, mean: float, squares: float) -> "RunMoments":
        """Return the moments with a run of `results`, whose `squares` are about its own mean."""
        return self.merged(RunMoments(results, 1, mean, 0.0, squares, results - 1))

    def merged(self, other: "RunMoments") -> "RunMoments":
        """Return the moments of both."""
        runs = self.runs + other.runs
        if not runs:
            return self
        step = other.mean - self.mean
        return RunMoments(
            self.results + other.results,
            runs,
            self.mean + step * other.runs / runs,
            self.between + other.between + step * step * self.runs * other.runs / runs,
            self.within + other.within,
            self.within_freedom + other.within_freedom,
        )

    def baseline(self) -> Baseline | None:
        """Return what to expect of further results, or None for fewer than two runs."""
        if self.runs < 2:
            return None
        freedom = self.runs - 1
        between, run_size = self.between / freedom, self.results / self.runs
        within = self.within / self.within_freedom if self.within_freedom else 0.0
        # Of runs that differ by no more than their results explain, the latter may say how much.
        alike = within / run_size
        lent = 0.0
        if alike > 0:
            odds = _larger_ratio_probability(between / alike, freedom, self.within_freedom)
            lent = LENT_MAX * freedom * odds
        between = (freedom * between + lent * alike) / (freedom + lent)
        shared = max(between - alike, 0.0)
        return Baseline(
            mean=self.mean,
            runs=self.runs,
            run_size=run_size,
            between=between,
            between_freedom=freedom + lent,
            within=within,
            within_freedom=self.within_freedom,
            shared=shared,
            sd=math.sqrt(shared + within) if self.within_freedom else math.sqrt(between),
        )


def _larger_ratio_probability(ratio: float, freedom: int, other_freedom: int) -> float:
    """Return how likely a ratio of two equal variances is larger, by a normal approximation.

    Reference: E. Paulson (1942), Annals of Mathematical Statistics 13, 233-235.
    """
    if ratio <= 0:
        return 1.0
    a, b = 2 / (9 * freedom), 2 / (9 * other_freedom)
    root = ratio ** (1 / 3)
    z = ((1 - b) * root - (1 - a)) / math.sqrt(b * root * root + a)
    return 0.5 * math.erfc(z / math.sqrt(2))
