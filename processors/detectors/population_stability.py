"""Population stability index of each full window of values against the reference.

Its limit follows from its distribution without drift, not from a rule of thumb.

References: those of `processors.two_sample.population_stability`.
"""

from processors.detectors import State
from processors.detectors._window import WindowDetector
from processors.two_sample.population_stability import compare

EACH_SERIES = False


class Detector(WindowDetector):
    """Finds changes of any kind in the distribution; state is [since, values of the window].

    >>> from processors.detectors import Observation
    >>> detector, reference = Detector(), [float(i) for i in range(50)]
    >>> def seen(value, at): return Observation(value, 0.0, 1.0, at, reference, 1.0)
    >>> same = [detector.update(seen(value, 1), 1e-4) for value in reference]
    >>> moved = [detector.update(seen(value + 40, 2), 1e-4) for value in reference]
    >>> [change for change in same + moved if change][0].since
    2
    """

    def __init__(self, state: State | None = None) -> None:
        super().__init__("population_stability", compare, state)
