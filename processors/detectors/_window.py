"""What detectors share that test one full window after the other against the reference.

Windows do not overlap: a test that looks again at the same pairs spends its false alarms many times
over. The detector of a file is this one with the test that it brings.
"""

import math
from collections.abc import Callable, Sequence

from processors.detectors import Change, Observation, State
from processors.two_sample import Comparison

WINDOW_PAIRS = 50
# By how much runs inflate a variance, fewer cannot tell: of baselines of three runs the tests spent
# 2.5 times what they may.
FREEDOM_MIN = 10.0
# No rate is so high that less than this would be no change.
P_VALUE_MAX = 0.5

Compare = Callable[[Sequence[float], Sequence[float], float], Comparison]


class WindowDetector:
    """Collects a window, tests it, starts the next; state is [since, values of the window].

    >>> from processors.two_sample.mann_whitney import compare
    >>> detector = WindowDetector("mann_whitney", compare)
    >>> reference = [float(i) for i in range(50)]
    >>> def seen(value, at): return Observation(value, 0.0, 1.0, at, reference, 1.0)
    >>> same = [detector.update(seen(value, 1), 1e-4) for value in reference]
    >>> moved = [detector.update(seen(value + 40, 2), 1e-4) for value in reference]
    >>> [change for change in same + moved if change][0].since
    2
    """

    def __init__(self, name: str, compare: Compare, state: State | None = None) -> None:
        self.strength = 0.0
        self.limit: float | None = None
        self._name, self._compare = name, compare
        self._since: int | None = None
        self._values: list[float] = []
        if state is not None:
            self._since, values = state  # type: ignore[assignment]
            self._values = list(values)  # type: ignore[arg-type]

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; only the one that fills the window can complete a change."""
        self.strength = 0.0
        if not self._values:
            self._since = observation.at
        self._values.append(observation.value)
        if len(self._values) < WINDOW_PAIRS:
            return None
        if observation.freedom < FREEDOM_MIN:
            self._values = []
            return None
        found = self._compare(observation.reference, self._values, observation.design_effect)
        since, self._values = self._since, []
        p_value, limit = found.p_value, min(rate * WINDOW_PAIRS, P_VALUE_MAX)
        self.limit = limit
        if p_value is None or p_value > limit:
            return None
        self.strength = math.log(max(p_value, 1e-300)) / math.log(limit)
        return Change(self._name, since, p_value)

    def state(self) -> State:
        """Return the window that is being collected."""
        return [self._since, list(self._values)]
