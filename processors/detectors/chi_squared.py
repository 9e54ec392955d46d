"""Chi-squared test of each full window against the reference: for errors of few kinds.

Values of at most KINDS_MAX kinds in the reference are categories, such as the 0 and 1 of labels
that agree and differ, and what is none of them is one more; other values are put in bins between
the quantiles of the reference.

References: those of `processors.two_sample.chi_squared`.

>>> from processors.detectors import Observation
>>> detector, reference = Detector(), [0.0] * 40 + [1.0] * 10
>>> def seen(value, at): return Observation(value, 0.0, 1.0, at, reference, 1.0)
>>> same = [detector.update(seen(value, 1), 1e-4) for value in reference]
>>> wrong = [detector.update(seen(1.0, 2), 1e-4) for value in reference]
>>> [change for change in same + wrong if change][0].since
2
"""

from collections.abc import Sequence
from functools import partial

from processors.detectors._window import WindowDetector
from processors.two_sample import Comparison
from processors.two_sample.chi_squared import compare, compare_numbers

EACH_SERIES = False
KINDS_MAX = 10


def _compare(
    reference: Sequence[float], window: Sequence[float], design_effect: float
) -> Comparison:
    kinds = set(reference)
    if len(kinds) > KINDS_MAX:
        return compare_numbers(reference, window, design_effect)
    return compare(
        reference, [value if value in kinds else None for value in window], design_effect
    )


Detector = partial(WindowDetector, "chi_squared", _compare)
