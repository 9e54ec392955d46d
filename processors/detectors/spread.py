"""CUSUM of log-likelihood ratios for results that vary more: an SD half as large again.

Scores are ranked by their size among earlier ones and take the normal quantile of that rank, so
that tails heavier than the normal ones are not taken for a change.

References: D. M. Hawkins, D. H. Olwell (1998), Cumulative Sum Charts, chapter 4; J. Parent (1965),
Sequential ranking procedures, Stanford University (ranks among earlier values are independent).
"""

import math
from bisect import bisect_left, bisect_right, insort
from statistics import NormalDist

from processors.detectors import Change, Observation, State

EACH_SERIES = False
RATIO = 1.5
CLIP = 3.0
_PER_SQUARE = (1 - 1 / RATIO**2) / 2
_LEVEL = math.log(RATIO)
# False alarms per observation are this times exp(-limit) between limits of 4 and 8, simulated.
RATE_AT_ZERO = 0.04
LIMIT_MIN = 1.0
# Sizes of the first scores are kept; among fewer than the minimum a rank says too little.
SIZES_MAX, SIZES_MIN = 200, 20
_QUANTILE = NormalDist().inv_cdf


def limit(rate: float) -> float:
    """Return the limit for a rate of false alarms per observation.

    >>> round(limit(1e-5), 1)
    8.3
    """
    return max(LIMIT_MIN, math.log(RATE_AT_ZERO / rate))


class Detector:
    """A one-sided CUSUM of squared scores; state is [sum, since, sizes of the first scores].

    >>> detector = Detector()
    >>> def seen(score, at): return Observation(score, score, 1.0, at, (), 1.0)
    >>> quiet = [detector.update(seen(at * 7 % 10 / 4, at), 1e-4) for at in range(100)]
    >>> wide = [detector.update(seen(2.3 * (-1.0) ** at, at), 1e-4) for at in range(100, 130)]
    >>> any(quiet), any(wide)
    (False, True)
    """

    def __init__(self, state: State | None = None) -> None:
        self.strength = 0.0
        self.limit: float | None = None
        self._sum = 0.0
        self._since: int | None = None
        self._sizes: list[float] = []
        if state:
            self._sum, self._since, sizes = state  # type: ignore[assignment]
            self._sizes = list(sizes)  # type: ignore[arg-type]

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; after a change the sum starts afresh."""
        size, sizes = abs(observation.score), self._sizes
        rank = (bisect_left(sizes, size) + bisect_right(sizes, size) + 1) / 2 / (len(sizes) + 1)
        if len(sizes) < SIZES_MAX:
            insort(sizes, size)
        if len(sizes) <= SIZES_MIN:
            return None
        if self._sum == 0.0:
            self._since = observation.at
        score = min(_QUANTILE((1 + rank) / 2), CLIP)
        self._sum = max(0.0, self._sum + score * score * _PER_SQUARE - _LEVEL)
        self.limit = limit(rate)
        self.strength = self._sum / self.limit
        if self.strength <= 1.0:
            return None
        self._sum = 0.0
        return Change("spread", self._since, None)

    def state(self) -> State:
        """Return the sum, where it began to run, and the sizes of the first scores."""
        return [self._sum, self._since, list(self._sizes)]
