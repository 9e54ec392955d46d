"""Mean squared error of a probability."""

import math

from processors.figures.estimate import Estimate, estimate
from processors.figures.intervals import mean_interval
from processors.metrics._probability import positives
from processors.summaries.values import Values

UNIT = "1"
BIGGER_IS_BETTER = False
NEEDS = Values


def get(summary: Values) -> Estimate:
    """Return the mean of (probability - 1 or 0)², 0 to 1, as measured positive or not.

    The interval is Student's of a mean, cut at 0 and 1; none below two pairs. Undefined on an empty
    window, where the positive class cannot be told, and on more than two classes.

    Source: G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly
    Weather Review 78 (1950), 1-3, in the form for one of two classes.

    >>> get(Values(probability=[1.0, 0.5], label=["hit", "miss"])).value
    0.125
    """
    measured = positives(summary)
    if isinstance(measured, Estimate):
        return measured
    squares = (summary.probability - measured) ** 2
    n = int(squares.size)
    mean = float(squares.sum()) / n
    if n == 1:
        return estimate(n, mean)
    spread = squares - mean
    interval = mean_interval(n, mean, math.sqrt(float(spread @ spread) / (n - 1)))
    return estimate(n, mean, interval and (max(0.0, interval[0]), min(1.0, interval[1])))
