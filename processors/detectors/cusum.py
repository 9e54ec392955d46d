"""CUSUM of log-likelihood ratios for a shift of the mean by one SD, either way.

With gain 1 and a baseline that is known this is the two-sided CUSUM with k = .5 and h = limit; what
the results of a run have in common lowers the gains, and with them how much each can add. The limit
follows from the rate of false alarms: the rate of a random walk with steps of variance g² to a
limit h is g²/2 · exp(-h - 1.166·g) for each side, averaged over the gains that there were.

An estimated baseline is wrong in the same way for all results that are held against it. Of results
with the information N since the sum was zero, a baseline that is worth M results lets the sum count
for 1/(1 + N/M) of itself (the ratio of predictive likelihoods for a mean known that well), and
variances known to few degrees of freedom let a large sum count for less as Student's t does.

References: E. S. Page (1954), Biometrika 41, 100-115; G. Lorden (1971), Annals of Mathematical
Statistics 42, 1897-1908; D. Siegmund (1985), Sequential Analysis, chapter 10 (the 1.166).
"""

import math

from processors.detectors import Change, Observation, State

EACH_SERIES = True
# Simulated rates at ICC 0 to .3 and baselines of 20 to 200 are .5 to 1 times the wanted one.
ESTIMATED_BASELINE = 1.3
# A sum counts for less from about so many times the degrees of freedom on.
SUM_PER_FREEDOM = 20.0
OVERSHOOT = 1.166
LIMIT_MIN = 1.0


def limit(rate: float, rate_at_zero: float) -> float:
    """Return the limit for a rate of false alarms per observation.

    `rate_at_zero` is the mean of g²/2 · exp(-1.166·g) over the gains g.

    >>> round(limit(ESTIMATED_BASELINE / 465, math.exp(-OVERSHOOT) / 2), 1)
    5.0
    """
    found = math.log(2 * ESTIMATED_BASELINE * rate_at_zero / rate)
    return found if found > LIMIT_MIN else LIMIT_MIN


class _Side:
    """The sum of one direction: since when it runs, and the information of what is in it."""

    __slots__ = ("information", "since", "total")

    def __init__(self) -> None:
        self.total = self.information = 0.0
        self.since: int | None = None

    def take(self, ratio: float, own: float, seen: Observation) -> float:
        """Take a log-likelihood ratio with its information; return what the sum counts for."""
        total = self.total
        if total == 0.0:
            if ratio <= 0.0:
                return 0.0
            self.since, self.information = seen.at, 0.0
        total = self.total = total + ratio
        if total <= 0.0:
            self.total = 0.0
            return 0.0
        information = self.information = self.information + own
        evidence = total / (1.0 + information / seen.information)
        freedom = seen.freedom
        if freedom == math.inf:
            return evidence
        half = SUM_PER_FREEDOM * freedom / 2
        return half * math.log1p(evidence / half)


class Detector:
    """A two-sided CUSUM; state is of up, then of down: sum, information, since; then
    observations and the sum over the gains.

    >>> detector = Detector()
    >>> def seen(score, at): return Observation(score, score, 1.0, at, (), 1.0)
    >>> quiet = [detector.update(seen(0.0, at), 1e-4) for at in range(100)]
    >>> shifted = [detector.update(seen(2.0, at), 1e-4) for at in range(100, 110)]
    >>> any(quiet), next(change.since for change in shifted if change)
    (False, 100)
    """

    def __init__(self, state: State | None = None) -> None:
        self.strength = 0.0
        self._up, self._down = _Side(), _Side()
        self._observations = 0
        self._at_zero = 0.0
        self._rate = 1.0
        if state:
            for place, side in enumerate((self._up, self._down)):
                side.total, side.information, side.since = state[3 * place : 3 * place + 3]  # type: ignore[assignment]
            self._observations, self._at_zero = state[6:]  # type: ignore[assignment]

    @property
    def limit(self) -> float | None:
        """What the sums must exceed, None before the first look."""
        seen = self._observations
        return limit(self._rate, self._at_zero / seen + 1e-300) if seen else None

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; after a change both sums start afresh."""
        gain = observation.gain
        moved, information = gain * observation.score, gain * gain
        half = information / 2
        up = down = 0.0
        # Most results leave a side that stands at zero where it is.
        if moved > half or self._up.total:
            up = self._up.take(moved - half, information, observation)
        if -moved > half or self._down.total:
            down = self._down.take(-moved - half, information, observation)
        self._observations += 1
        self._at_zero += half * math.exp(-OVERSHOOT * gain)
        self._rate = rate
        highest = up if up >= down else down
        if highest <= 0.0:
            self.strength = 0.0
            return None
        self.strength = highest / limit(rate, self._at_zero / self._observations + 1e-300)
        if self.strength <= 1.0:
            return None
        since = self._up.since if up >= down else self._down.since
        self._up, self._down = _Side(), _Side()
        return Change("cusum", since, None)

    def state(self) -> State:
        """Return both sums with what belongs to them, and what the limit follows from."""
        up, down = self._up, self._down
        sides: State = [up.total, up.information, up.since]
        return [
            *sides,
            *(down.total, down.information, down.since),
            self._observations,
            self._at_zero,
        ]
