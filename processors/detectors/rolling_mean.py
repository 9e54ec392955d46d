"""Mean of the last 20 scores: what people draw, with a limit that fits.

Reference: S. W. Roberts (1959), Technometrics 1, 239-250; the limit is that of
`processors.limits.moving_average`.
"""

import math

from processors.detectors import Change, Observation, State
from processors.limits.moving_average import moving_average_limit

EACH_SERIES = True
SCORES = 20


def limit(rate: float) -> float:
    """Return the limit of the mean for a rate of false alarms per observation, in SD of scores.

    >>> round(limit(1 / 500), 3)
    0.594
    """
    return moving_average_limit(SCORES, rate) / math.sqrt(SCORES)


class Detector:
    """A two-sided moving average; state is [since, the last scores].

    >>> detector = Detector()
    >>> def seen(score, at): return Observation(score, score, 1.0, at, (), 1.0)
    >>> quiet = [detector.update(seen(at % 3 - 1.0, at), 1e-4) for at in range(99)]
    >>> shifted = [detector.update(seen(2.0, at), 1e-4) for at in range(99, 115)]
    >>> any(quiet), any(shifted)
    (False, True)
    """

    def __init__(self, state: State | None = None) -> None:
        self.strength = 0.0
        self.limit: float | None = None
        self._since: int | None = None
        self._scores: list[float] = []
        if state:
            self._since, scores = state  # type: ignore[assignment]
            self._scores = list(scores)  # type: ignore[arg-type]

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; nothing is said before there are enough, nor of fewer ever.

        A change is dated back to where the mean was last on the other side of 0.
        """
        scores = self._scores
        before = math.fsum(scores)
        scores.append(observation.score)
        if len(scores) > SCORES:
            del scores[0]
        now = math.fsum(scores)
        if before == 0.0 or (now > 0) != (before > 0):
            self._since = observation.at
        self.strength = 0.0
        if len(scores) < SCORES:
            return None
        self.limit = limit(rate)
        self.strength = abs(now) / SCORES / self.limit
        if self.strength <= 1.0:
            return None
        scores.clear()
        return Change("rolling_mean", self._since, None)

    def state(self) -> State:
        """Return since when the mean is on one side of 0, and the last scores."""
        return [self._since, list(self._scores)]
