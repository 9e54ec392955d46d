"""Coefficient of determination of the prediction for the outcome."""

from processors.figures.estimate import Estimate, estimate, undefined
from processors.summaries.moments import Moments
from processors.summaries.ratio import ratio

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Moments


def get(summary: Moments) -> Estimate:
    """Return 1 - Σ(p - o)² / Σ(o - mean o)²: at most 1, below 0 for worse than the mean outcome.

    It falls when the outcomes span less at an equal RMSE, and differs from `r2_pearson`. No
    interval: none is sound without a model of how the outcomes were chosen. Undefined on fewer than
    two pairs or constant outcomes.

    Source: T. O. Kvålseth, "Cautionary note about R²", The American Statistician 39 (1985), 279-285
    (his R²₁).

    >>> window = Moments()
    >>> for pair in ((1.0, 1.0), (2.0, 2.0), (4.0, 3.0)):
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
    return estimate(n, ratio(exact.measured - exact.squared_error, exact.measured))
