"""Two-sample Kolmogorov-Smirnov test: the largest distance of two distribution functions.

Independent samples get the exact p-value, which ties make too large; dependent ones that of the
limiting distribution for as many results as they are worth.

References: scipy.stats.ks_2samp; J. L. Hodges (1958), Arkiv för Matematik 3, 469-486.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from processors.two_sample import EMPTY, NOT_NUMBERS, Comparison

# The exact distribution holds for independent results only.
INDEPENDENT_MAX = 1.01
_KEPT_MAX = 10_000


def compare(
    reference: Sequence[float], window: Sequence[float], design_effect: float = 1.0
) -> Comparison:
    """Return the largest distance, 0 to 1, and its p-value.

    >>> low, high = [float(i) for i in range(50)], [float(i) + 20 for i in range(50)]
    >>> round(compare(low, high).statistic, 2), compare(low, high).p_value < 1e-3
    (0.4, True)
    """
    if not len(reference) or not len(window):
        return EMPTY
    both = np.array([*reference, *window], dtype=np.float64)
    if np.isnan(both).any():
        return NOT_NUMBERS
    first, second = np.sort(both[: len(reference)]), np.sort(both[len(reference) :])
    below_first = np.searchsorted(first, both, "right") * len(second)
    below_second = np.searchsorted(second, both, "right") * len(first)
    steps = int(np.abs(below_first - below_second).max())
    distance = steps / (len(first) * len(second))
    if design_effect > INDEPENDENT_MAX:
        from scipy.special import kolmogorov  # slow to import

        worth = len(first) * len(second) / (len(first) + len(second)) / design_effect
        return Comparison(distance, float(kolmogorov(worth**0.5 * distance)))
    return Comparison(distance, _exact(first, second, steps))


# By the sizes of two samples and their statistic, which is all that it depends on.
_p_values: dict[tuple[int, int, int], float] = {}


def _exact(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], steps: int) -> float:
    sizes = len(first), len(second), steps
    if sizes not in _p_values:
        from scipy.stats import ks_2samp  # slow to import, and most observations fill no window

        if len(_p_values) >= _KEPT_MAX:
            _p_values.clear()
        with warnings.catch_warnings():
            # It warns where it takes the asymptotic p-value of samples that hardly differ.
            warnings.simplefilter("ignore", RuntimeWarning)
            _p_values[sizes] = float(ks_2samp(first, second).pvalue)
    return _p_values[sizes]
