"""False discoveries among several tests: how likely each p-value is in the company of the others.

Reference: Y. Benjamini, Y. Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.
"""

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values (0 to 1) adjusted for their number, in the order they came in.

    In Python, since SciPy's false_discovery_control takes longer than a few tests themselves.

    >>> benjamini_hochberg([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.03]
    """
    number, least = len(p_values), 1.0
    adjusted = [1.0] * number
    falling = sorted(range(number), key=p_values.__getitem__, reverse=True)
    for rank, place in zip(range(number, 0, -1), falling, strict=True):
        least = adjusted[place] = min(least, p_values[place] * (number / rank))
    return adjusted
