"""Page-Hinkley of the scores by River, for shifts of half an SD, which a CUSUM for one finds late.

The mean of the scores is known to be 0 while nothing changes, and the test is told so: one that
learns it would take a lasting change for the norm. It is then a CUSUM, whose limits are known.

References: E. S. Page (1954), Biometrika 41, 100-115; D. V. Hinkley (1971), Biometrika 58, 509-523.
"""

import math
from functools import lru_cache

from river.drift import PageHinkley

from processors.detectors import Change, Observation, State
from processors.limits.run_length import cusum_limit

EACH_SERIES = True
# Half the shift that is found soonest.
ALLOWANCE = 0.25


@lru_cache(maxsize=1_000)
def limit(rate: float) -> float:
    """Return the limit for a rate of false alarms per observation, in SD of scores.

    >>> round(limit(1 / 500), 2)
    8.59
    """
    return cusum_limit(ALLOWANCE, 1 / rate)


class Detector:
    """A two-sided test; state is [up, lowest, down, highest, since, since].

    >>> detector = Detector()
    >>> def seen(score, at): return Observation(score, score, 1.0, at, (), 1.0)
    >>> quiet = [detector.update(seen(0.0, at), 1e-4) for at in range(100)]
    >>> shifted = [detector.update(seen(2.0, at), 1e-4) for at in range(100, 110)]
    >>> any(quiet), next(change.since for change in shifted if change)
    (False, 100)
    """

    def __init__(self, state: State | None = None) -> None:
        self.strength = 0.0
        self.limit: float | None = None
        self._test = PageHinkley(min_instances=1, delta=ALLOWANCE, alpha=1.0, mode="both")
        self._up_since: int | None = None
        self._down_since: int | None = None
        self._start()
        if state:
            test = self._test
            test._sum_increase, test._min_increase = state[:2]
            test._sum_decrease, test._max_decrease = state[2:4]
            self._up_since, self._down_since = state[4:]  # type: ignore[assignment]

    def _start(self) -> None:
        self._test._reset()
        # Of endlessly many zeros no score moves the mean.
        self._test._x_mean.n, self._test._x_mean._mean = math.inf, 0.0
        self._test._min_increase = self._test._max_decrease = 0.0

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; after a change the test starts afresh."""
        test = self._test
        if test._sum_increase <= test._min_increase:
            self._up_since = observation.at
        if test._sum_decrease >= test._max_decrease:
            self._down_since = observation.at
        self.limit = test.threshold = limit(rate)
        test.update(observation.score)
        up = test._sum_increase - test._min_increase
        down = test._max_decrease - test._sum_decrease
        self.strength = max(up, down) / test.threshold
        if not test.drift_detected:
            return None
        self._start()
        return Change("page_hinkley", self._up_since if up >= down else self._down_since, None)

    def state(self) -> State:
        """Return both sums with their extremes, and where each began to run."""
        test = self._test
        return [
            test._sum_increase,
            test._min_increase,
            test._sum_decrease,
            test._max_decrease,
            self._up_since,
            self._down_since,
        ]
