"""A figure with its interval, or the reason why there is none."""

import math
from typing import NamedTuple


class Estimate(NamedTuple):
    """One metric of one window; `low` to `high` is its 95 % interval, None where it has none.

    `n` is how many pairs the figure rests on. `value` is None where the metric is undefined, and
    then `reason` says why. Never NaN or infinite; low ≤ value ≤ high.

    >>> Estimate(1.0, 0.8, 1.4, 20).reason is None
    True
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None = None


def undefined(n: int, reason: str) -> Estimate:
    """Return the answer of a metric that `n` pairs leave undefined, for `reason`.

    >>> undefined(1, "one pair").value is None
    True
    """
    return Estimate(None, None, None, n, reason)


def estimate(n: int, value: float, interval: tuple[float, float] | None = None) -> Estimate:
    """Return a finite figure; `interval` is (low, high), None where there is none.

    A figure beyond the range of a double is undefined and an interval beyond it is left out. The
    ends are widened to the value where they miss it by rounding.

    >>> estimate(3, 0.5, (0.5000000000000001, 0.9))
    Estimate(value=0.5, low=0.5, high=0.9, n=3, reason=None)
    >>> estimate(3, float("inf")).reason
    'beyond the range of a double'
    """
    if not math.isfinite(value):
        return undefined(n, "beyond the range of a double")
    value += 0.0  # -0.0 would print as a sign
    if interval is None or not all(map(math.isfinite, interval)):
        return Estimate(value, None, None, n)
    return Estimate(value, min(value, interval[0]), max(value, interval[1]), n)
