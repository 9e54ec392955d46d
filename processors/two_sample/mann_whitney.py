"""Mann-Whitney test: how often a value of the window is above one of the reference.

Two-sided, by the normal approximation with corrections for ties and continuity.

References: scipy.stats.mannwhitneyu (method="asymptotic"); H. B. Mann, D. R. Whitney (1947), Annals
of Mathematical Statistics 18, 50-60.
"""

import math
from collections.abc import Sequence

import numpy as np

from processors.two_sample import ALIKE, EMPTY, NOT_NUMBERS, Comparison


def compare(
    reference: Sequence[float], window: Sequence[float], design_effect: float = 1.0
) -> Comparison:
    """Return U of the window and its p-value; U counts the pairs it is above, ties half.

    >>> low, high = [float(i) for i in range(50)], [float(i) + 20 for i in range(50)]
    >>> compare(low, high).statistic / 50**2, compare(low, high).p_value < 1e-6
    (0.82, True)
    """
    n, m = len(reference), len(window)
    if not n or not m:
        return EMPTY
    first = np.sort(np.array(reference, dtype=np.float64))
    second = np.array(window, dtype=np.float64)
    both = np.concatenate((first, second))
    if np.isnan(both).any():
        return NOT_NUMBERS
    below = np.searchsorted(first, second, "left") + np.searchsorted(first, second, "right")
    u = float(below.sum()) / 2
    ties = np.unique(both, return_counts=True)[1].astype(np.float64)
    tied = float((ties**3 - ties).sum()) / ((n + m) * (n + m - 1))
    variance = n * m / 12 * (n + m + 1 - tied)
    if len(ties) == 1:
        return Comparison(u, 1.0, ALIKE)
    z = (abs(u - n * m / 2) - 0.5) / math.sqrt(variance * design_effect)
    return Comparison(u, min(1.0, math.erfc(z / math.sqrt(2))))
