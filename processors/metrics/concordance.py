"""Lin's concordance correlation of prediction and outcome."""

import math

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.intervals import fisher_interval
from processors.summaries.moments import Moments
from processors.summaries.ratio import ratio

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Moments


def get(summary: Moments) -> Estimate:
    """Return 2·cov / (var p + var o + (mean p - mean o)²), -1 to 1, with variances over n.

    Unlike a correlation it falls with a bias and with a slope other than 1. The interval is on
    Fisher's z with Lin's asymptotic variance; none below four pairs, at ±1 or without correlation,
    where that variance is undefined. Undefined on fewer than two pairs and where all numbers of
    both sides are equal.

    Source: L. I. Lin, "A concordance correlation coefficient to evaluate reproducibility",
    Biometrics 45 (1989), 255-268, with the correction in Biometrics 56 (2000), 324-325.

    >>> window = Moments()
    >>> for pair in ((1.0, 1.0), (3.0, 2.0), (2.0, 3.0)):
    ...     window.update(*pair)
    >>> get(window).value
    0.5
    """
    n = summary.n
    if n < 2:
        return undefined(n, "one pair" if n else "no pairs")
    exact = summary.scatter()
    # The mean error squared, on the scale of the sums of squares about the means.
    bias = exact.squared_error - exact.error
    denominator = exact.predicted + exact.measured + bias
    if not denominator:
        return undefined(n, "constant outcomes")
    value = ratio(2 * exact.product, denominator)
    if n < 4 or not exact.product or not exact.predicted or not exact.measured:
        return estimate(n, value)
    r2 = ratio(exact.product * exact.product, exact.predicted * exact.measured)
    # (mean p - mean o)² / (SD p · SD o), with which Lin writes the variance.
    u2 = math.sqrt(ratio(bias * bias, exact.predicted * exact.measured))
    return estimate(n, value, _interval(n, value, r2, u2))


def _interval(n: int, value: float, r2: float, u2: float) -> tuple[float, float] | None:
    c2 = value * value
    if c2 >= 1.0 or not r2:
        return None
    r = math.copysign(math.sqrt(r2), value)
    variance = (
        (1 - r2) * c2 / ((1 - c2) * r2)
        + 2 * c2 * value * (1 - value) * u2 / (r * (1 - c2) ** 2)
        - c2 * c2 * u2 * u2 / (2 * r2 * (1 - c2) ** 2)
    ) / (n - 2)
    return fisher_interval(value, math.sqrt(variance)) if variance >= 0 else None
