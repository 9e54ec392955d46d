"""Root mean squared error."""

import math

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.quantiles import chi_squared
from processors.summaries.moments import Moments

UNIT = "value"
BIGGER_IS_BETTER = False
NEEDS = Moments


def get(summary: Moments) -> Estimate:
    """Return sqrt(mean of (prediction - outcome)²), in the unit of the pairs.

    The interval takes Σe²/σ² as chi-squared with n degrees of freedom, which holds for independent
    normal errors about zero; a bias makes it wider than needed, outliers
    narrower. Undefined on an empty window.

    Source: NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.3 (chi-squared for a variance,
    here about zero instead of the mean).

    >>> window = Moments()
    >>> for error in (3.0, 4.0):
    ...     window.update(error, 0.0)
    >>> round(get(window).value, 6)
    3.535534
    """
    n = summary.n
    if not n:
        return undefined(0, "no pairs")
    value = summary.root_mean_squared_error()
    lower, upper = chi_squared(n)
    return estimate(n, value, (value * math.sqrt(n / upper), value * math.sqrt(n / lower)))
