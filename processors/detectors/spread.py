"""CUSUM of log-likelihood ratios for results that vary more: an SD half as large again.

Scores are clipped: a few far ones are no change of all. That the errors' own tails are not taken
for one is because scores come from ranks (`processors/watch.py`).

Reference: D. M. Hawkins, D. H. Olwell (1998), Cumulative Sum Charts, chapter 4.
"""

import math

from processors.detectors import Change, Observation, State

EACH_SERIES = False
RATIO = 1.5
CLIP = 3.0
_PER_SQUARE = (1 - 1 / RATIO**2) / 2
_LEVEL = math.log(RATIO)
# False alarms per observation are this times exp(-limit) between limits of 4 and 8, simulated.
RATE_AT_ZERO = 0.04
LIMIT_MIN = 1.0


def limit(rate: float) -> float:
    """Return the limit for a rate of false alarms per observation.

    >>> round(limit(1e-5), 1)
    8.3
    """
    return max(LIMIT_MIN, math.log(RATE_AT_ZERO / rate))


class Detector:
    """A one-sided CUSUM of squared scores; state is [sum, since].

    >>> detector = Detector()
    >>> def seen(score, at): return Observation(score, score, 1.0, at, (), 1.0)
    >>> quiet = [detector.update(seen((at * 7 % 10 - 4.5) / 3, at), 1e-4) for at in range(100)]
    >>> wide = [detector.update(seen(2.3 * (-1.0) ** at, at), 1e-4) for at in range(100, 130)]
    >>> any(quiet), any(wide)
    (False, True)
    """

    def __init__(self, state: State | None = None) -> None:
        self.strength = 0.0
        self.limit: float | None = None
        self._sum = 0.0
        self._since: int | None = None
        if state:
            self._sum, self._since = state  # type: ignore[assignment]

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; after a change the sum starts afresh."""
        if self._sum == 0.0:
            self._since = observation.at
        score = min(abs(observation.score), CLIP)
        self._sum = max(0.0, self._sum + score * score * _PER_SQUARE - _LEVEL)
        self.limit = limit(rate)
        self.strength = self._sum / self.limit
        if self.strength <= 1.0:
            return None
        self._sum = 0.0
        return Change("spread", self._since, None)

    def state(self) -> State:
        """Return the sum and where it began to run."""
        return [self._sum, self._since]
