"""Two-sample Kolmogorov-Smirnov test of each full window of values against the reference.

Windows do not overlap: a test that looks again at the same pairs spends its false alarms many times
over. What results of a run have in common makes both samples worth fewer results: the statistic is
held against its limiting distribution for so many.

References: scipy.stats.ks_2samp; J. L. Hodges (1958), Arkiv för Matematik 3, 469-486; L. Kish
(1965), Survey Sampling, chapter 8 (the design effect).
"""

import numpy as np

from processors.detectors import Change, Observation, State

EACH_SERIES = False
WINDOW_PAIRS = 50
# The exact distribution holds for independent results only.
INDEPENDENT_MAX = 1.01


class Detector:
    """Collects a window, tests it, starts the next; state is [since, values of the window].

    >>> detector = Detector()
    >>> reference = [float(i) for i in range(50)]
    >>> def seen(value, at): return Observation(value, 0.0, 1.0, at, reference, 1.0)
    >>> same = [detector.update(seen(value, 1), 1e-4) for value in reference]
    >>> moved = [detector.update(seen(value + 40, 2), 1e-4) for value in reference]
    >>> [change for change in same + moved if change][0].since
    2
    """

    def __init__(self, state: State | None = None) -> None:
        self.strength = 0.0
        self.limit: float | None = None
        self._since: int | None = None
        self._values: list[float] = []
        if state is not None:
            self._since, values = state  # type: ignore[assignment]
            self._values = list(values)  # type: ignore[arg-type]

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; only the one that fills the window can complete a change."""
        if not self._values:
            self._since = observation.at
        self._values.append(observation.value)
        if len(self._values) < WINDOW_PAIRS:
            return None
        p_value = _p_value(list(observation.reference), self._values, observation.design_effect)
        since, self._values = self._since, []
        self.limit = rate * WINDOW_PAIRS
        if p_value > self.limit:
            return None
        return Change("kolmogorov_smirnov", since, p_value)

    def state(self) -> State:
        """Return the window that is being collected."""
        return [self._since, list(self._values)]


# By the sizes of two samples and their statistic, which is all that it depends on.
_p_values: dict[tuple[int, int, int], float] = {}


def _p_value(reference: list[float], values: list[float], design_effect: float) -> float:
    """Return the two-sided p-value; of the exact ones SciPy computes each but once."""
    both = np.array([*reference, *values])
    first, second = np.sort(both[: len(reference)]), np.sort(both[len(reference) :])
    below_first = np.searchsorted(first, both, "right") * len(second)
    below_second = np.searchsorted(second, both, "right") * len(first)
    steps = int(np.abs(below_first - below_second).max())
    if design_effect > INDEPENDENT_MAX:
        from scipy.special import kolmogorov

        distance = steps / (len(first) * len(second))
        worth = len(first) * len(second) / (len(first) + len(second)) / design_effect
        return float(kolmogorov(worth**0.5 * distance))
    sizes = len(first), len(second), steps
    if sizes not in _p_values:
        from scipy.stats import ks_2samp  # slow to import, and most observations fill no window

        _p_values[sizes] = float(ks_2samp(first, second).pvalue)
    return _p_values[sizes]
