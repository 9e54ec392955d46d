"""Rank correlation of prediction and outcome."""

import math

import numpy as np
import numpy.typing as npt

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.intervals import fisher_interval
from processors.summaries.values import Values

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Values
# With more pairs SciPy is quicker.
ALL_PAIRS_MAX = 300

Numbers = npt.NDArray[np.float64]


def get(summary: Values) -> Estimate:
    """Return Kendall's tau-b (ties corrected for), -1 to 1.

    The interval is on Fisher's z with variance 0.437/(n - 4), good from about n = 10 and for
    |tau| below .8; none below five pairs or at ±1. Undefined on fewer than two pairs, constant
    outcomes or constant predictions.

    Source: M. G. Kendall, "Rank Correlation Methods", Griffin 1948; E. C. Fieller, H. O. Hartley
    and E. S. Pearson, "Tests for rank correlation coefficients I", Biometrika 44 (1957), 470-481.

    >>> get(Values([1.0, 2.0, 2.0, 3.0], [5.0, 6.0, 6.0, 7.0])).value
    1.0
    """
    predicted, measured = summary.predicted, summary.measured
    n = predicted.size
    if n < 2:
        return undefined(n, "one pair" if n else "no pairs")
    if (measured == measured[0]).all():
        return undefined(n, "constant outcomes")
    if (predicted == predicted[0]).all():
        return undefined(n, "constant predictions")
    value = _tau(predicted, measured) if n <= ALL_PAIRS_MAX else _tau_of_many(predicted, measured)
    if round(abs(value), 12) == 1.0:  # SciPy's two square roots miss 1 by a bit
        value = math.copysign(1.0, value)
    if n < 5:
        return estimate(n, value)
    return estimate(n, value, fisher_interval(value, math.sqrt(0.437 / (n - 4))))


def _tau(predicted: Numbers, measured: Numbers) -> float:
    """Compare each with each, in less time than SciPy takes to begin."""
    first, second = np.greater.outer(predicted, predicted), np.greater.outer(measured, measured)
    untied = np.count_nonzero(first), np.count_nonzero(second)
    concordant = np.count_nonzero(first & second)
    discordant = untied[0] - concordant
    if 2 * untied[1] < measured.size * (measured.size - 1):  # ties, which are neither
        discordant = np.count_nonzero(first & np.less.outer(measured, measured))
    return float((concordant - discordant) / math.sqrt(untied[0] * untied[1]))


def _tau_of_many(predicted: Numbers, measured: Numbers) -> float:
    from scipy.stats import kendalltau  # slow to import

    # The p-value is not used: its cheap form.
    return float(kendalltau(predicted, measured, method="asymptotic").statistic)
