"""Mean absolute error."""

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.intervals import mean_interval
from processors.summaries.moments import Moments

UNIT = "value"
BIGGER_IS_BETTER = False
NEEDS = Moments


def get(summary: Moments) -> Estimate:
    """Return the mean of |prediction - outcome|, in the unit of the pairs.

    The interval is Student's on the absolute errors, cut at 0; none for one pair. Undefined on an
    empty window.

    Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.2.

    >>> window = Moments(); window.update(3.0, 0.0); window.update(-1.0, 0.0)
    >>> get(window).value, get(window).low
    (2.0, 0.0)
    """
    n = summary.n
    if not n:
        return undefined(0, "no pairs")
    value = summary.mean_absolute_error()
    if n == 1:
        return estimate(n, value)
    interval = mean_interval(n, value, summary.absolute_error_sd())
    return estimate(n, value, interval and (max(0.0, interval[0]), interval[1]))
