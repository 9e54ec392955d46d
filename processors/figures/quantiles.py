"""Quantiles for two-sided 95 % intervals, kept because each call into SciPy costs microseconds."""

from functools import lru_cache

from scipy.special import chdtri, ndtri, stdtrit

TAIL = 0.025
NORMAL = float(ndtri(1 - TAIL))


@lru_cache(maxsize=4096)
def student(degrees: int) -> float:
    """Return the upper 2.5 % point of Student's t; `degrees` of freedom ≥ 1.

    >>> round(student(19), 4)
    2.093
    """
    return float(stdtrit(degrees, 1 - TAIL))


@lru_cache(maxsize=4096)
def chi_squared(degrees: int) -> tuple[float, float]:
    """Return the lower and upper 2.5 % points of chi-squared; `degrees` of freedom ≥ 1.

    >>> [round(point, 3) for point in chi_squared(20)]
    [9.591, 34.17]
    """
    return float(chdtri(degrees, 1 - TAIL)), float(chdtri(degrees, TAIL))
