"""The 95 % intervals that several metrics share."""

import math

from processors.figures.quantiles import NORMAL, student


def mean_interval(n: int, mean: float, sd: float) -> tuple[float, float] | None:
    """Return Student's interval of a mean; `sd` over n - 1. None below two values.

    Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.2.

    >>> low, high = mean_interval(4, 1.0, 2.0)
    >>> round(low, 3), round(high, 3)
    (-2.182, 4.182)
    """
    if n < 2:
        return None
    half = student(n - 1) * sd / math.sqrt(n)
    return mean - half, mean + half


def fisher_interval(correlation: float, se: float) -> tuple[float, float] | None:
    """Return the interval of a correlation from atanh(correlation) ± z · `se`.

    None at ±1, where the transform is infinite. Source: R. A. Fisher, "On the 'probable error' of
    a coefficient of correlation deduced from a small sample", Metron 1 (1921), 3-32.

    >>> low, high = fisher_interval(0.5, 0.25)
    >>> round(low, 4), round(high, 4)
    (0.0592, 0.7776)
    """
    if abs(correlation) >= 1.0:
        return None
    centre = math.atanh(correlation)
    return math.tanh(centre - NORMAL * se), math.tanh(centre + NORMAL * se)


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion, `hits` of `n` ≥ 1.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927), 209-212.

    >>> low, high = wilson_interval(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    square = NORMAL * NORMAL
    centre = (hits + square / 2) / (n + square)
    half = NORMAL * math.sqrt(hits * (n - hits) / n + square / 4) / (n + square)
    return max(0.0, centre - half), min(1.0, centre + half)
