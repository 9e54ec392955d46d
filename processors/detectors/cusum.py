"""CUSUM of log-likelihood ratios for a shift of the mean by one SD, either way.

With gain 1 this is the two-sided CUSUM with k = .5 and h = limit; what the results of a run have in
common lowers the gains, and with them how much each can add. The limit follows from the rate of
false alarms: the rate of a random walk with steps of variance g² to a limit h is
g²/2 · exp(-h - 1.166·g) for each side, averaged over the gains that there were.

References: E. S. Page (1954), Biometrika 41, 100-115; G. Lorden (1971), Annals of Mathematical
Statistics 42, 1897-1908; D. Siegmund (1985), Sequential Analysis, chapter 10 (the 1.166).
"""

import math

from processors.detectors import Change, Observation, State

EACH_SERIES = True
# Simulated rates are up to 1.45 times those of the formula where runs differ much, since the
# baseline is an estimate, and .9 times where they do not.
ESTIMATED_BASELINE = 1.35
OVERSHOOT = 1.166
LIMIT_MIN = 1.0


def limit(rate: float, rate_at_zero: float) -> float:
    """Return the limit for a rate of false alarms per observation.

    `rate_at_zero` is the mean of g²/2 · exp(-1.166·g) over the gains g.

    >>> round(limit(ESTIMATED_BASELINE / 465, math.exp(-OVERSHOOT) / 2), 1)
    5.0
    """
    return max(LIMIT_MIN, math.log(2 * ESTIMATED_BASELINE * rate_at_zero / rate))


class Detector:
    """A two-sided CUSUM; state is [up, down, since, since, observations, sum over the gains].

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
        self._up = self._down = 0.0
        self._up_since: int | None = None
        self._down_since: int | None = None
        self._observations = 0
        self._at_zero = 0.0
        if state:
            self._up, self._down, self._up_since, self._down_since = state[:4]  # type: ignore[assignment]
            self._observations, self._at_zero = state[4:]  # type: ignore[assignment]

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; after a change both sums start afresh."""
        _, score, gain, at, _, _ = observation
        half = gain * gain / 2
        if self._up == 0.0:
            self._up_since = at
        if self._down == 0.0:
            self._down_since = at
        up = self._up = max(0.0, self._up + gain * score - half)
        down = self._down = max(0.0, self._down - gain * score - half)
        self._observations += 1
        self._at_zero += half * math.exp(-OVERSHOOT * gain)
        highest = up if up >= down else down
        self.limit = limit(rate, self._at_zero / self._observations + 1e-300)
        self.strength = highest / self.limit
        if self.strength <= 1.0:
            return None
        since = self._up_since if up >= down else self._down_since
        self._up = self._down = 0.0
        return Change("cusum", since, None)

    def state(self) -> State:
        """Return both sums, where each began to run, and what the limit follows from."""
        return [
            self._up,
            self._down,
            self._up_since,
            self._down_since,
            self._observations,
            self._at_zero,
        ]
