"""Squared correlation of prediction and outcome."""

import math

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.intervals import fisher_interval
from processors.summaries.moments import Moments
from processors.summaries.ratio import ratio

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Moments


def get(summary: Moments) -> Estimate:
    """Return the square of Pearson's correlation, 0 to 1; blind to bias and slope, unlike `r2`.

    The interval is the image under squaring of Fisher's for r, whose z has the standard error
    1/sqrt(n - 3): where r's interval spans 0 the low end is 0 and the high end the larger square.
    None below four pairs or at 1. Undefined on fewer than two pairs or constant outcomes; constant
    predictions explain nothing and give 0, as the published tables of SAMPL6 have it.

    Source: R. A. Fisher, "On the 'probable error' of a coefficient of correlation deduced from a
    small sample", Metron 1 (1921), 3-32.

    >>> window = Moments()
    >>> for pair in ((1.0, 1.0), (3.0, 2.0), (2.0, 3.0)):
    ...     window.update(*pair)
    >>> get(window).value
    0.25
    """
    n = summary.n
    if n < 2:
        return undefined(n, "one pair" if n else "no pairs")
    exact = summary.scatter()
    if not exact.measured:
        return undefined(n, "constant outcomes")
    if not exact.predicted:
        return estimate(n, 0.0)
    value = ratio(exact.product * exact.product, exact.predicted * exact.measured)
    if n < 4:
        return estimate(n, value)
    return estimate(n, value, _squared(fisher_interval(math.sqrt(value), 1 / math.sqrt(n - 3))))


def _squared(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """Map the interval of |r| to that of r²; the sign of r turns both ends and changes nothing."""
    if interval is None:
        return None
    low, high = interval
    return (low * low if low > 0 else 0.0), high * high
