"""How much of an assay's variance lies between its runs and how much within them."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Components(NamedTuple):
    """One-way analysis of variance of groups of results, such as runs.

    `between` and `within` are variance components in squared units, `between` 0 where its estimate
    is not above 0; `correlation` (intraclass, 0 to 1) is between ÷ (between + within), the part
    that results of a group share. `f` is the ratio of mean squares, `p_value` that of no
    difference between groups. What cannot be told is None, and `reason` says why.
    """

    groups: int
    n: int
    between: float | None
    within: float | None
    correlation: float | None
    f: float | None
    p_value: float | None
    reason: str | None = None


def variance_components(groups: Sequence[Sequence[float]]) -> Components:
    """Return the variance between and within groups of one unit; empty groups are left out.

    Method of moments for groups of any sizes. Values that are not finite are left out. Reference:
    S. R. Searle, G. Casella, C. E. McCulloch (1992), Variance Components, 3.6.

    >>> found = variance_components([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    >>> found.f, found.within, round(found.between, 3), round(found.correlation, 3)
    (13.5, 1.0, 4.167, 0.806)
    >>> variance_components([[1.0], [2.0]]).reason
    'no group has two results'
    """
    kept = [[value for value in group if math.isfinite(value)] for group in groups]
    kept = [group for group in kept if group]
    n, count = sum(map(len, kept)), len(kept)
    if count < 2:
        return _unknown(count, n, "fewer than two groups")
    if n == count:
        return _unknown(count, n, "no group has two results")
    # Differences from one of the values lose no digits that all values share.
    origin = kept[0][0]
    kept = [[value - origin for value in group] for group in kept]
    means = [math.fsum(group) / len(group) for group in kept]
    centre = math.fsum(value for group in kept for value in group) / n
    squares_within = math.fsum(
        (value - mean) ** 2 for group, mean in zip(kept, means, strict=True) for value in group
    )
    squares_between = math.fsum(
        len(group) * (mean - centre) ** 2 for group, mean in zip(kept, means, strict=True)
    )
    within, among = squares_within / (n - count), squares_between / (count - 1)
    if not math.isfinite(within + among):
        return _unknown(count, n, "beyond the range of a double")
    size = (n - math.fsum(len(group) ** 2 for group in kept) / n) / (count - 1)
    between = max(0.0, (among - within) / size)
    total = between + within
    if total <= 0:
        return Components(count, n, 0.0, 0.0, None, None, None, "all results are equal")
    if within <= 0:
        return Components(
            count, n, between, 0.0, 1.0, None, None, "results of a group are all equal"
        )
    from scipy.special import fdtrc  # slow to import

    f = among / within
    p_value = float(fdtrc(count - 1, n - count, f))
    return Components(count, n, between, within, between / total, f, p_value)


def _unknown(groups: int, n: int, reason: str) -> Components:
    return Components(groups, n, None, None, None, None, None, reason)
