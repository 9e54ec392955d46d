"""Which value of a detector's parameter gives a rate of false alarms."""

import math
from collections.abc import Callable
from typing import NamedTuple

STEPS = 9
# Closer than this part of the wanted count is close enough: a delay goes with the rate's logarithm.
CLOSE = 0.05
# A rate further off than this part, and than chance explains, is said not to be reached.
OFF = 0.2


class Tuned(NamedTuple):
    """The value found, how many alarms it gave, and whether that is the wanted number."""

    value: float
    count: int
    reached: bool


def tuned(count_at: Callable[[float], int], quiet: float, loud: float, wanted: float) -> Tuned:
    """Find the value between `quiet` and `loud` with `wanted` alarms, by bisection.

    It is the logarithm that is halved. `count_at` counts alarms over the same streams each time
    and grows from quiet to loud, save for chance. Of the values tried the closest counts.

    >>> round(tuned(lambda value: int(100 * value), 0.01, 10, 50).value, 1)
    0.5
    >>> tuned(lambda value: 7, 0.01, 10, 50).reached
    False
    """
    low, high = 0.0, 1.0
    best: tuple[float, float, int] | None = None
    for _ in range(STEPS):
        middle = (low + high) / 2
        value = quiet * (loud / quiet) ** middle
        count = count_at(value)
        if best is None or abs(count - wanted) < best[0]:
            best = abs(count - wanted), value, count
        if best[0] <= max(CLOSE * wanted, 0.5):
            break
        if count > wanted:
            high = middle
        else:
            low = middle
    assert best is not None
    distance, value, count = best
    return Tuned(value, count, distance <= max(OFF * wanted, 2 * math.sqrt(wanted)))
