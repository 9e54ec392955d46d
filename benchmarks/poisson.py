"""Exact limits of a count."""


def rate_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the limits of the mean of a Poisson count, equal tails.

    Reference: F. Garwood (1936), Biometrika 28, 437-442.

    >>> [round(bound, 2) for bound in rate_interval(10)]
    [4.8, 18.39]
    >>> [round(bound, 2) for bound in rate_interval(0)]
    [0.0, 3.69]
    """
    from scipy.stats import chi2

    tail = (1 - confidence) / 2
    low = float(chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    return low, float(chi2.isf(tail, 2 * count + 2)) / 2
