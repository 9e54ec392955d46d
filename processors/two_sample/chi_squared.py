"""Chi-squared test of homogeneity: whether two samples have the same shares of categories.

Both are samples: to take the reference's shares for the truth would alarm for its own chance. No
correction for continuity. For samples of runs the statistic is divided by the design effect.

References: scipy.stats.chi2_contingency (correction=False); J. N. K. Rao, A. J. Scott (1981),
Journal of the American Statistical Association 76, 221-230 (the first-order correction).
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from processors.two_sample import ALIKE, EMPTY, NOT_NUMBERS, Comparison
from processors.two_sample._bins import counts


def compare(
    reference: Sequence[Hashable], window: Sequence[Hashable], design_effect: float = 1.0
) -> Comparison:
    """Return the corrected statistic, 0 or more, and its p-value.

    >>> same = compare(["a"] * 30 + ["b"] * 20, ["a"] * 30 + ["b"] * 20)
    >>> other = compare(["a"] * 30 + ["b"] * 20, ["a"] * 10 + ["c"] * 40)
    >>> same.p_value, other.p_value < 1e-6
    (1.0, True)
    """
    first, second = Counter(reference), Counter(window)
    kinds = list(first | second)
    return compare_counts(
        [first[kind] for kind in kinds], [second[kind] for kind in kinds], design_effect
    )


def compare_counts(
    reference: Sequence[int] | npt.NDArray[np.int64],
    window: Sequence[int] | npt.NDArray[np.int64],
    design_effect: float = 1.0,
) -> Comparison:
    """Return the same for counts of the same categories; those that are 0 in both do not count.

    >>> round(compare_counts([10, 20, 0], [20, 10, 0]).statistic, 6)
    6.666667
    """
    table = np.array([reference, window], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    sizes = table.sum(axis=1)
    if not sizes.all():
        return EMPTY
    categories = table.shape[1]
    if categories == 1:
        return Comparison(0.0, 1.0, ALIKE)
    expected = np.outer(sizes, table.sum(axis=0)) / sizes.sum()
    statistic = float(((table - expected) ** 2 / expected).sum()) / design_effect
    from scipy.special import chdtrc  # slow to import

    return Comparison(statistic, float(chdtrc(categories - 1, statistic)))


def compare_numbers(
    reference: Sequence[float], window: Sequence[float], design_effect: float = 1.0
) -> Comparison:
    """Return the same for numbers, whose categories are bins of the reference's quantiles.

    >>> low, high = [float(i) for i in range(50)], [float(i) + 20 for i in range(50)]
    >>> compare_numbers(low, low).p_value, compare_numbers(low, high).p_value < 1e-4
    (1.0, True)
    """
    if not len(reference) or not len(window):
        return EMPTY
    first, second = np.array(reference, dtype=np.float64), np.array(window, dtype=np.float64)
    if np.isnan(first).any() or np.isnan(second).any():
        return NOT_NUMBERS
    return compare_counts(*counts(first, second), design_effect)
