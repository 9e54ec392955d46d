"""Population stability index of each full window of values against the reference.

It finds changes of any kind in the distribution. Its limit follows from the index's distribution
without drift, not from a rule of thumb.

References: those of `processors.two_sample.population_stability`.
"""

from functools import partial

from processors.detectors._window import WindowDetector
from processors.two_sample.population_stability import compare

EACH_SERIES = False
Detector = partial(WindowDetector, "population_stability", compare)
