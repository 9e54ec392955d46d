"""The assay's noise as a floor under RMSE: no model can agree better with noisy results.

A model is not blamed while its RMSE may be the floor. Looks are at blocks of pairs that do not
overlap, each with its share of the false statements that a year may have: a window looked at after
every pair would say "above" of a perfect model sooner or later.
"""

import math
from functools import lru_cache
from typing import NamedTuple

from processors.figures.estimate import Estimate
from schemas.errors import SettingsError

# The two-sided 95 % interval of a metric ends here.
INTERVAL_LEVEL = 0.975
BLOCK_PAIRS = 50
PAIRS_PER_YEAR = 5_000
# A quarter of one, since the floor's statement shares a lab's alarms with all the other tests.
FALSE_PER_YEAR = 0.25
# Where a floor's variance may be, as quantiles; enough for four digits at levels up to .9999.
FLOOR_NODES = 200
LOG_RATIO_MAX = 50.0


class NoiseFloor(NamedTuple):
    """A floor in the unit of the pairs; `degrees` of freedom of its variance, None if known."""

    value: float
    degrees: int | None


def noise_floor(measurement_sd: Estimate, replicates: int = 1) -> NoiseFloor | None:
    """Return the floor s/√replicates, `measurement_sd` being `Repeats.measurement_sd()`.

    `replicates` is how many measurements an outcome is the mean of, from different runs; those of
    one run share its shift. None where s is undefined. Raises SettingsError below one replicate.

    >>> noise_floor(Estimate(0.2, 0.15, 0.3, 32), replicates=4)
    NoiseFloor(value=0.1, degrees=31)
    """
    if measurement_sd.value is None or measurement_sd.n < 2:
        return None
    return _floor(measurement_sd.value, replicates, measurement_sd.n - 1)


def stated_floor(minimum_significant_ratio: float, replicates: int = 1) -> NoiseFloor:
    """Return the floor of an assay whose MSR the lab states, in log10 units.

    s = log10(MSR)/(2√2). Raises SettingsError for an MSR that is not above 1 or fewer than one
    replicate.

    >>> round(stated_floor(3.0).value, 3)
    0.169
    """
    if not 1 < minimum_significant_ratio < math.inf:
        raise SettingsError(
            f"A minimum significant ratio is above 1, not {minimum_significant_ratio}: it is "
            "10^(2·SD of the differences of repeated log10 results)."
        )
    return _floor(math.log10(minimum_significant_ratio) / (2 * math.sqrt(2)), replicates, None)


def _floor(sd: float, replicates: int, degrees: int | None) -> NoiseFloor:
    if replicates < 1:
        raise SettingsError(f"An outcome has 1 or more replicates, not {replicates}.")
    return NoiseFloor(sd / math.sqrt(replicates), degrees)


class Squares(NamedTuple):
    """A mean square of errors as (1 − part) + part · χ²(degrees)/degrees times its expectation."""

    degrees: float
    part: float


def mean_square(pairs: int, run_correlation: float = 0.0, run_pairs: float = 1.0) -> Squares:
    """Return how the mean square of `pairs` normal errors of mean 0 spreads.

    `run_correlation` (intraclass, 0 to below 1) is the part of the errors' variance that a run
    shares, `run_pairs` the pairs of a run. A shifted chi-squared of equal first three moments;
    exact for independent pairs. Reference: E. S. Pearson (1959), Note on an approximation to the
    distribution of non-central χ², Biometrika 46, 364.

    >>> mean_square(50)
    Squares(degrees=50.0, part=1.0)
    >>> [round(x, 3) for x in mean_square(50, 0.3, 20)]
    [4.216, 0.478]
    """
    size = max(run_pairs, 1.0)
    # Eigenvalues of a run's errors: one for what they share, the others for what they do not.
    shared, rest = 1 + (size - 1) * run_correlation, 1 - run_correlation
    second, third = ((shared**k + (size - 1) * rest**k) / size for k in (2, 3))
    return Squares(pairs * second**3 / third**2, second**2 / third)


@lru_cache(maxsize=4096)
def ratio_max(squares: Squares, degrees: int | None, level: float) -> float:
    """Return the largest RMSE ÷ floor that chance explains at a one-sided `level` in (0, 1).

    For errors of mean 0 whose SD is the floor, and a floor whose variance has chi-squared's
    `degrees` of freedom, None when it is known: √(χ²/n) and √F for independent pairs. With more
    than one look at an estimated floor the false statements still add up to their expected number,
    since each look has its own level.

    >>> pairs = mean_square(50)
    >>> round(ratio_max(pairs, None, 0.975), 3), round(ratio_max(pairs, 31, 0.975), 3)
    (1.195, 1.397)
    """
    from scipy.special import chdtri, fdtri  # slow to import

    own, part = squares
    if degrees is None:
        return math.sqrt(1 - part + part * float(chdtri(own, 1 - level)) / own)
    if part == 1.0:
        return math.sqrt(float(fdtri(own, degrees, level)))
    return math.sqrt(_mixed_ratio_max(squares, degrees, level))


def _mixed_ratio_max(squares: Squares, degrees: int, level: float) -> float:
    """Return the `level` quantile of a mean square ÷ an estimated variance, both about 1."""
    import numpy as np
    from scipy.optimize import brentq  # slow to import
    from scipy.special import chdtrc, chdtri

    own, part = squares
    nodes, weights = np.polynomial.legendre.leggauss(FLOOR_NODES)
    # Squared, so that most nodes are where the floor was taken for much too low.
    roots = (1 + nodes) / 2
    floors = chdtri(degrees, 1 - roots**2) / degrees

    def excess(log_ratio: float) -> float:
        least = np.maximum((math.exp(log_ratio) * floors - (1 - part)) / part, 0.0)
        return float((weights * roots) @ chdtrc(own, own * least)) - (1 - level)

    return math.exp(float(brentq(excess, -LOG_RATIO_MAX, LOG_RATIO_MAX, xtol=1e-9)))


def above_floor(
    rmse: Estimate, floor: NoiseFloor | None, level: float = INTERVAL_LEVEL
) -> bool | None:
    """Return whether an RMSE is above the floor; None when one of them is not known.

    False while the interval of RMSE ÷ floor includes 1: beside a known floor that is the interval
    of the RMSE including the floor. For one look; `FloorWatch` is for looks that go on.

    >>> floor = NoiseFloor(0.17, None)
    >>> above_floor(Estimate(0.19, 0.16, 0.24, 50), floor)
    False
    >>> above_floor(Estimate(0.26, 0.22, 0.32, 50), floor)
    True
    >>> above_floor(Estimate(None, None, None, 0), floor) is None
    True
    """
    if floor is None or rmse.value is None or rmse.n < 1 or floor.value <= 0:
        return None
    return rmse.value > floor.value * ratio_max(mean_square(rmse.n), floor.degrees, level)


class FloorLook(NamedTuple):
    """One look at a full block: its RMSE, and the largest that the assay's noise explains.

    `since` is the `at` of the block's first pair, None when not stated.
    """

    rmse: float
    limit: float
    since: int | None

    @property
    def above(self) -> bool:
        """Whether the noise does not explain the RMSE."""
        return self.rmse > self.limit


class BlockState(NamedTuple):
    """The pairs of the block that is not full yet, the sum of their squared errors, and `since`."""

    pairs: int = 0
    squares: float = 0.0
    since: int | None = None


class FloorWatch:
    """Looks at each full block of one model version's errors; `state` is what `state` gave.

    `false_per_year` is the expected number of false statements in PAIRS_PER_YEAR pairs of a model
    that errs no more than the assay does. Raises SettingsError unless 0 < false_per_year < 100, the
    looks of a year.

    >>> watch, floor = FloorWatch(), NoiseFloor(0.17, None)
    >>> [watch.update(0.3, at, floor) for at in range(BLOCK_PAIRS)][-1].above
    True
    """

    def __init__(
        self, false_per_year: float = FALSE_PER_YEAR, state: BlockState | None = None
    ) -> None:
        looks_per_year = PAIRS_PER_YEAR / BLOCK_PAIRS
        if not 0 < false_per_year < looks_per_year:
            raise SettingsError(
                f"The noise floor is looked at {looks_per_year:.0f} times a model-year; "
                f"{false_per_year} false statements in it cannot be kept to: give a number "
                f"above 0 and below {looks_per_year:.0f}."
            )
        self._level = 1 - false_per_year / looks_per_year
        self.state = state or BlockState()

    def update(
        self,
        error: float,
        at: int | None,
        floor: NoiseFloor | None,
        run_correlation: float = 0.0,
        run_pairs: float = 1.0,
    ) -> FloorLook | None:
        """Take the error of one pair; return the look at the block that it fills, else None.

        `at` is when it was measured, None when not stated; `run_correlation` and `run_pairs` are as
        in `mean_square`. An error that is not finite is left out. A block that fills while `floor`
        is None says nothing.

        >>> FloorWatch().update(0.1, 5, None) is None
        True
        """
        if not math.isfinite(error):
            return None
        pairs, squares, since = self.state
        since = since if pairs else at
        pairs, squares = pairs + 1, squares + error * error
        if pairs < BLOCK_PAIRS:
            self.state = BlockState(pairs, squares, since)
            return None
        self.state = BlockState()
        if floor is None or floor.value <= 0:
            return None
        block = mean_square(pairs, run_correlation, run_pairs)
        limit = floor.value * ratio_max(block, floor.degrees, self._level)
        return FloorLook(math.sqrt(squares / pairs), limit, since)
