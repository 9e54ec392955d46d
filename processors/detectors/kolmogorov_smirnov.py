"""Two-sample Kolmogorov-Smirnov test of each full window of values against the reference.

It finds changes of any kind in the distribution.

References: those of `processors.two_sample.kolmogorov_smirnov`.
"""

from functools import partial

from processors.detectors._window import WindowDetector
from processors.two_sample.kolmogorov_smirnov import compare

EACH_SERIES = False
Detector = partial(WindowDetector, "kolmogorov_smirnov", compare)
