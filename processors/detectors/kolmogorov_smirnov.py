"""Two-sample Kolmogorov-Smirnov test of each full window of errors against the reference errors.

Windows do not overlap: a test that looks again at the same pairs spends its false alarms many times
over. Reference: scipy.stats.ks_2samp; J. L. Hodges (1958), Arkiv för Matematik 3, 469-486.
"""

import numpy as np

from processors.detectors import Change, Observation, State

WINDOW_PAIRS = 50
# 60 windows, what a year of a small lab's series gives, then alarm falsely once in 800 years.
P_VALUE_MAX = 2e-5


class Detector:
    """Collects a window, tests it, starts the next; state is [since, errors of the window].

    >>> detector = Detector()
    >>> reference = [float(i) for i in range(50)]
    >>> same = [detector.update(Observation(e, 0.0, 1, reference)) for e in reference]
    >>> moved = [detector.update(Observation(e + 40, 0.0, 2, reference)) for e in reference]
    >>> [change for change in same + moved if change][0].since
    2
    """

    def __init__(self, state: State | None = None) -> None:
        self._since: int | None = None
        self._errors: list[float] = []
        if state is not None:
            self._since, errors = state  # type: ignore[assignment]
            self._errors = list(errors)  # type: ignore[arg-type]

    def update(self, observation: Observation) -> Change | None:
        """Take one observation; only the one that fills the window can complete a change."""
        if not self._errors:
            self._since = observation.at
        self._errors.append(observation.error)
        if len(self._errors) < WINDOW_PAIRS:
            return None
        p_value = _p_value(observation.reference, self._errors)
        since, self._errors = self._since, []
        if p_value > P_VALUE_MAX:
            return None
        return Change("kolmogorov_smirnov", since, p_value)

    def state(self) -> State:
        """Return the window that is being collected."""
        return [self._since, list(self._errors)]


# By the sizes of two samples and their statistic, which is all that it depends on.
_p_values: dict[tuple[int, int, int], float] = {}


def _p_value(reference: list[float], errors: list[float]) -> float:
    """Return the two-sided p-value, of which SciPy computes each but once."""
    both = np.array([*reference, *errors])
    first, second = np.sort(both[: len(reference)]), np.sort(both[len(reference) :])
    below_first = np.searchsorted(first, both, "right") * len(second)
    below_second = np.searchsorted(second, both, "right") * len(first)
    steps = int(np.abs(below_first - below_second).max())
    sizes = len(first), len(second), steps
    if sizes not in _p_values:
        from scipy.stats import ks_2samp  # slow to import, and most observations fill no window

        _p_values[sizes] = float(ks_2samp(first, second).pvalue)
    return _p_values[sizes]
