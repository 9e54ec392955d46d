"""EWMA of the scores, each with a weight of a tenth: for small shifts that last.

The limit has the average run length that the rate of false alarms asks for; the chart starts at
the mean and its limit does not widen with it.

References: S. W. Roberts (1959), Technometrics 1, 239-250; J. M. Lucas, M. S. Saccucci (1990),
Technometrics 32, 1-12.
"""

import math
from functools import lru_cache

from processors.detectors import Change, Observation, State
from processors.limits.run_length import ewma_limit

EACH_SERIES = True
WEIGHT = 0.1


@lru_cache(maxsize=1_000)
def limit(rate: float) -> float:
    """Return the limit of the chart for a rate of false alarms per observation, in SD of scores.

    >>> round(limit(1 / 500), 3)
    0.646
    """
    return ewma_limit(WEIGHT, 1 / rate) * math.sqrt(WEIGHT / (2 - WEIGHT))


class Detector:
    """A two-sided EWMA; state is [mean, since].

    >>> detector = Detector()
    >>> def seen(score, at): return Observation(score, score, 1.0, at, (), 1.0)
    >>> quiet = [detector.update(seen(at % 3 - 1.0, at), 1e-4) for at in range(99)]
    >>> shifted = [detector.update(seen(2.0, at), 1e-4) for at in range(99, 110)]
    >>> any(quiet), next(change.since for change in shifted if change)
    (False, 98)
    """

    def __init__(self, state: State | None = None) -> None:
        self.strength = 0.0
        self.limit: float | None = None
        self._mean = 0.0
        self._since: int | None = None
        if state:
            self._mean, self._since = state  # type: ignore[assignment]

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; after a change the chart starts afresh.

        A change is dated back to where the chart was last on the other side of the mean.
        """
        before = self._mean
        mean = self._mean = before + WEIGHT * (observation.score - before)
        if before == 0.0 or (mean > 0) != (before > 0):
            self._since = observation.at
        self.limit = limit(rate)
        self.strength = abs(mean) / self.limit
        if self.strength <= 1.0:
            return None
        self._mean = 0.0
        return Change("ewma", self._since, None)

    def state(self) -> State:
        """Return where the chart stands, and since when on that side of the mean."""
        return [self._mean, self._since]
