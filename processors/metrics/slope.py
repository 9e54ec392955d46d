"""Slope of the prediction regressed on the outcome."""

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.quantiles import student
from processors.summaries.moments import Moments
from processors.summaries.ratio import ratio, root

UNIT = "1"
BIGGER_IS_BETTER = None
NEEDS = Moments


def get(summary: Moments) -> Estimate:
    """Return the least-squares slope with the outcome as x and the prediction as y; ideal is 1.

    The interval is Student's with n - 2 degrees of freedom; none below three pairs. Undefined on
    fewer than two pairs or constant outcomes.

    Source: N. R. Draper and H. Smith, "Applied Regression Analysis", 3rd ed., Wiley 1998, 1.4.

    >>> window = Moments()
    >>> for pair in ((0.0, 1.0), (0.5, 2.0), (1.0, 3.0)):
    ...     window.update(*pair)
    >>> get(window).value
    0.5
    """
    n = summary.n
    if n < 2:
        return undefined(n, "one pair" if n else "no pairs")
    exact = summary.scatter()
    if not exact.measured:
        return undefined(n, "constant outcomes")
    value = ratio(exact.product, exact.measured)
    if n < 3:
        return estimate(n, value)
    residual = exact.predicted * exact.measured - exact.product * exact.product
    half = student(n - 2) * root(residual, exact.measured * exact.measured * (n - 2))
    return estimate(n, value, (value - half, value + half))
