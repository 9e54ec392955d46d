"""Normal scores: errors on a scale that does not depend on their distribution."""

from bisect import bisect_left, bisect_right
from statistics import NormalDist

_INVERSE_NORMAL = NormalDist().inv_cdf


def normal_score(error: float, reference: list[float]) -> float:
    """Return the normal score of an error that joins m ascending reference errors.

    It is the normal quantile at (rank − ½) / (m + 1), Hazen's plotting position, ties at their
    mean rank. While nothing changes it is nearly standard normal whatever the errors' own
    distribution, tails and outliers included; of 50 reference errors none is further than 2.33.
    Reference: A. Hazen (1914), Transactions of the ASCE 77, 1539-1640.

    >>> normal_score(3.0, [1.0, 2.0, 3.0, 4.0, 5.0])
    0.0
    """
    values = len(reference)
    rank = bisect_left(reference, error)
    if rank < values and reference[rank] == error:
        return _INVERSE_NORMAL(((rank + bisect_right(reference, error)) / 2 + 0.5) / (values + 1))
    return _INVERSE_NORMAL((rank + 0.5) / (values + 1))
