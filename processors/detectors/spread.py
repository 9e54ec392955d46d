"""CUSUM of log-likelihood ratios for results that vary more: an SD half as large again.

The ratio is that of predictive likelihoods: how much results vary is itself known from a baseline,
and is wrong in the same way for all that is held against it. With a baseline that is known it is
the CUSUM of squared scores. Scores are clipped: a few far ones are no change of all. That the
errors' own tails are not taken for one is because scores come from ranks (`processors/watch.py`).

References: D. M. Hawkins, D. H. Olwell (1998), Cumulative Sum Charts, chapter 4; S. Geisser (1993),
Predictive Inference, chapter 3.
"""

import math

from processors.detectors import Change, Observation, State

EACH_SERIES = False
RATIO = 1.5
CLIP = 3.0
_LEVEL = math.log(RATIO)
# Beyond it the variance is as good as known.
FREEDOM_MAX = 1e6
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
    """A one-sided CUSUM of squared scores; state is [squares, scores, since].

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
        self._squares = 0.0
        self._scores = 0
        self._since: int | None = None
        if state:
            self._squares, self._scores, self._since = state  # type: ignore[assignment]

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; after a change the sum starts afresh."""
        if not self._scores:
            self._since = observation.at
        score = min(abs(observation.score), CLIP)
        self._squares += score * score
        self._scores += 1
        evidence = self._evidence(min(observation.variance_freedom, FREEDOM_MAX))
        if evidence <= 0.0:
            self._squares, self._scores, evidence = 0.0, 0, 0.0
        self.limit = limit(rate)
        self.strength = evidence / self.limit
        if self.strength <= 1.0:
            return None
        self._squares, self._scores = 0.0, 0
        return Change("spread", self._since, None)

    def _evidence(self, freedom: float) -> float:
        """Return the logarithm of the ratio of Student's densities with and without the ratio."""
        without = math.log1p(self._squares / freedom)
        wider = math.log1p(self._squares / (freedom * RATIO * RATIO))
        return (freedom + self._scores) / 2 * (without - wider) - self._scores * _LEVEL

    def state(self) -> State:
        """Return the sum of squares, of how many scores, and where it began to run."""
        return [self._squares, self._scores, self._since]
