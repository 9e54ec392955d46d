"""Page-Hinkley on normal scores: a sequential test for a lasting shift of the mean error.

River's detector does the test. Its running mean starts as if the reference had been seen, so that
an early change is a change and not the norm.

Reference: E. S. Page (1954), Continuous inspection schemes, Biometrika 41, 100-115.
"""

from river.drift import PageHinkley

from processors.detectors import Change, Observation, State

# Half the shift to be found soonest, in baseline standard deviations.
ALLOWANCE_SD = 0.5
# With 50 reference errors a series of 500 independent pairs alarms once in about 1,000 series
# (4,000 simulated series); a shift of 1.5 SD is found after 15 to 19 pairs in the median.
LIMIT_SD = 12.0


class Detector:
    """A two-sided Page-Hinkley test; state is [n, mean, up, up_min, down, down_max, since, since].

    >>> detector = Detector()
    >>> quiet = [detector.update(Observation(0.0, 0.0, t, [0.0] * 50)) for t in range(100)]
    >>> shifted = [detector.update(Observation(2.0, 2.0, t, [0.0] * 50)) for t in range(100, 120)]
    >>> any(quiet), next(change.since for change in shifted if change)
    (False, 100)
    """

    def __init__(self, state: State | None = None) -> None:
        self._test = PageHinkley(
            min_instances=1, delta=ALLOWANCE_SD, threshold=LIMIT_SD, alpha=1.0, mode="both"
        )
        self._primed = bool(state)
        self._up_since: int | None = None
        self._down_since: int | None = None
        if state:
            n, mean, up, up_min, down, down_max, up_since, down_since = state
            test = self._test
            test._x_mean.n, test._x_mean._mean = n, mean
            test._sum_increase, test._sum_decrease = up, down
            test._min_increase, test._max_decrease = up_min, down_max
            self._up_since, self._down_since = up_since, down_since  # type: ignore[assignment]

    def _prime(self, reference_size: int) -> None:
        self._test._reset()
        self._test._x_mean.update(0.0, reference_size)
        self._test._min_increase = self._test._max_decrease = 0.0
        self._up_since = self._down_since = None
        self._primed = True

    def update(self, observation: Observation) -> Change | None:
        """Take one observation; after a change the test starts afresh."""
        if not self._primed:
            self._prime(len(observation.reference))
        test = self._test
        if test._sum_increase == test._min_increase:
            self._up_since = observation.at
        if test._sum_decrease == test._max_decrease:
            self._down_since = observation.at
        test.update(observation.score)
        if not test.drift_detected:
            return None
        rising = test._sum_increase - test._min_increase > LIMIT_SD
        change = Change("page_hinkley", self._up_since if rising else self._down_since, None)
        self._prime(len(observation.reference))
        return change

    def state(self) -> State:
        """Return the running mean, both sums with their extremes, and where each began to run.

        Empty before the first observation.
        """
        if not self._primed:
            return []
        test = self._test
        return [
            test._x_mean.n,
            test._x_mean._mean,
            test._sum_increase,
            test._min_increase,
            test._sum_decrease,
            test._max_decrease,
            self._up_since,
            self._down_since,
        ]
