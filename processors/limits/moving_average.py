"""The limit of a two-sided chart of the mean of the last values, independent standard normal ones.

The rate at which a mean of m values, in its own standard deviations, leaves ±b for the first time
is 2·b·φ(b)/m · ν(b·√(2/m)), where ν takes the overshoot into account.

Reference: D. Siegmund, B. Yakir (2007), The Statistics of Gene Mapping, section 5.4 (the rate, and
the formula for ν).
"""

import math
from functools import lru_cache
from statistics import NormalDist

_NORMAL = NormalDist()
# Simulated rates are 6 to 8 % above those of the formula for run lengths of 500 to 20,000.
SIMULATED = 1.07
# Below it the formula holds no more: the rate would fall with a lower limit.
LIMIT_MIN, LIMIT_MAX = 1.2, 8.0


def _overshoot(x: float) -> float:
    half = x / 2
    return ((_NORMAL.cdf(half) - 0.5) / half) / (half * _NORMAL.cdf(half) + _NORMAL.pdf(half))


def _rate(values: int, limit: float) -> float:
    return (
        SIMULATED
        * 2
        * limit
        * _NORMAL.pdf(limit)
        / values
        * _overshoot(limit * math.sqrt(2 / values))
    )


@lru_cache(maxsize=1_000)
def moving_average_limit(values: int, rate: float) -> float:
    """Return the limit of a mean of `values` values, in its standard deviations.

    `rate` is that of false alarms per value; the limit is LIMIT_MIN at least, LIMIT_MAX at most.

    >>> round(moving_average_limit(20, 1 / 500), 2)
    2.66
    """
    low, high = LIMIT_MIN, LIMIT_MAX
    while high - low > 1e-9:
        middle = (low + high) / 2
        if _rate(values, middle) > rate:
            low = middle
        else:
            high = middle
    return high
