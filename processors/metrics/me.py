"""Mean error: the bias of a model."""

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.intervals import mean_interval
from processors.summaries.moments import Moments

UNIT = "value"
BIGGER_IS_BETTER = None
NEEDS = Moments


def get(summary: Moments) -> Estimate:
    """Return the mean of prediction - outcome, in the unit of the pairs: above 0 predicts too high.

    The interval is Student's; none for one pair. Undefined on an empty window.

    Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.2.

    >>> window = Moments(); window.update(3.0, 1.0); window.update(1.0, 0.0)
    >>> get(window).value
    1.5
    """
    n = summary.n
    if not n:
        return undefined(0, "no pairs")
    value = summary.mean_error()
    if n == 1:
        return estimate(n, value)
    return estimate(n, value, mean_interval(n, value, summary.error_sd()))
