"""What a control compound should read: stated by the lab, or learnt from its first results."""

import math
from collections.abc import Sequence
from statistics import fmean, quantiles, stdev
from typing import NamedTuple

from schemas.errors import SettingsError

LEARN_RESULTS_MIN, LEARN_RESULTS_MAX = 20, 1_000
# Beyond the outer fences (J. W. Tukey, 1977, Exploratory Data Analysis) a result is no baseline.
OUTER_FENCE_IQR = 3.0
# Tails below this are not told apart; the score is then 37.
TAIL_MIN = 1e-300


class Target(NamedTuple):
    """Mean and SD (n − 1) of a control in the unit of its results.

    `n` is how many results they were learnt from, None when the lab states them as known.
    """

    mean: float
    sd: float
    n: int | None = None

    def score(self, value: float) -> float:
        """Return how far a finite result is from the mean, in SD.

        Against a learnt target it is the normal score of the result as one more of the same normal
        population, so that 3 means as little or as much as with a known mean and SD (of 20 results'
        mean and SD, 0.9 instead of 0.3 % lie beyond 3). Reference: G. J. Hahn (1969), Factors for
        calculating two-sided prediction intervals, JASA 64, 878-888.

        >>> Target(10.0, 0.5).score(11.0)
        2.0
        >>> round(Target(10.0, 0.5, 20).score(11.0), 3)
        1.839
        """
        distance = (value - self.mean) / self.sd
        if self.n is None:
            return distance
        from scipy.special import ndtri, stdtr  # slow to import

        tail = stdtr(self.n - 1, -abs(distance) / math.sqrt(1 + 1 / self.n))
        return math.copysign(-float(ndtri(max(tail, TAIL_MIN))), distance)


def stated_target(mean: float, sd: float) -> Target:
    """Return a target that the lab states, in the unit of the results.

    Raises SettingsError unless both are finite and the SD is above 0.

    >>> stated_target(10.0, 0.5).n is None
    True
    """
    if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0):
        raise SettingsError(
            f"A control's target needs a finite mean and an SD above 0, not {mean} and {sd}: "
            "give both from the control's own history, or leave both out to have them learnt."
        )
    return Target(mean, sd)


class Learnt(NamedTuple):
    """The target, or None and what is missing; `kept` are the results to go on learning with."""

    target: Target | None
    kept: list[float]
    missing: str | None


def learn_target(values: Sequence[float], results_min: int = LEARN_RESULTS_MIN) -> Learnt:
    """Return the target that a control's first results give, finite and of one unit.

    `results_min` is 20 to 1,000. Results beyond the outer fences are left out, and others
    waited for; results that are all equal are dropped, since they have no SD.
    Raises SettingsError for another `results_min`. Reference: CLSI C24, Statistical Quality Control
    for Quantitative Measurement Procedures (at least 20 results for a mean and SD).

    >>> learn_target([10.0, 10.5] * 10).target
    Target(mean=10.25, sd=0.25649458802128855, n=20)
    >>> learn_target([10.0] * 20).missing
    'its first 20 results all read 10: they give no SD, and 20 new ones are needed'
    """
    if not LEARN_RESULTS_MIN <= results_min <= LEARN_RESULTS_MAX:
        raise SettingsError(
            f"A control's target is learnt from {LEARN_RESULTS_MIN} to {LEARN_RESULTS_MAX:,} "
            f"results, not {results_min}: give such a number, or state its mean and SD."
        )
    kept = list(values)
    if len(kept) >= results_min:
        kept = _within_fences(kept)
    if len(kept) < results_min:
        return Learnt(None, kept, f"it has {len(kept)} of the {results_min} results needed")
    centre, sd = fmean(kept), stdev(kept)
    # Rounding alone gives equal values an SD of this size.
    if sd <= 1e-12 * max(abs(value) for value in kept):
        return Learnt(
            None,
            [],
            f"its first {len(kept)} results all read {centre:g}: they give no SD, and "
            f"{results_min} new ones are needed",
        )
    return Learnt(Target(centre, sd, len(kept)), [], None)


def _within_fences(values: list[float]) -> list[float]:
    low, _, high = quantiles(values, method="inclusive")
    reach = OUTER_FENCE_IQR * (high - low)
    if reach <= 0:
        return values
    return [value for value in values if low - reach <= value <= high + reach]
