"""Mann-Whitney test of each full window of values against the reference.

It finds shifts, whatever the tails.

References: those of `processors.two_sample.mann_whitney`.
"""

from functools import partial

from processors.detectors._window import WindowDetector
from processors.two_sample.mann_whitney import compare

EACH_SERIES = False
Detector = partial(WindowDetector, "mann_whitney", compare)
