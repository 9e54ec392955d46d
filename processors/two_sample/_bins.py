"""Numbers as categories: bins between the quantiles of the reference."""

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]

# So many results of the smaller sample are expected in a bin; with fewer the chi-squared limit is
# no limit of the index.
EXPECTED_MIN = 10
BINS_MIN, BINS_MAX = 2, 10


def counts(
    reference: npt.NDArray[np.float64], window: npt.NDArray[np.float64]
) -> tuple[Counts, Counts]:
    """Return how many values of each sample are in each bin, bins empty in both left out.

    Bins end with the reference's quantiles; the first and the last are open. What is below all of
    the reference is a bin of its own where the first bin would hold nothing but its lowest value.

    >>> first, second = counts(np.arange(50.0), np.full(50, 99.0))
    >>> first.tolist(), second.tolist()
    ([10, 10, 10, 10, 10], [0, 0, 0, 0, 50])
    """
    smaller = min(len(reference), len(window))
    bins = min(max(smaller // EXPECTED_MIN, BINS_MIN), BINS_MAX)
    ordered = np.sort(reference)
    # The highest value of each part of the reference ends a bin, so that ties stay together.
    last = [round(len(ordered) * part / bins) - 1 for part in range(1, bins)]
    ends = np.unique(ordered[np.maximum(last, 0)])
    if ends[0] == ordered[0]:
        ends = np.concatenate(([np.nextafter(ends[0], -np.inf)], ends))
    found = [
        np.bincount(np.searchsorted(ends, sample, "left"), minlength=len(ends) + 1)
        for sample in (reference, window)
    ]
    held = (found[0] + found[1]) > 0
    return found[0][held], found[1][held]
