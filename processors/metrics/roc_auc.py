"""Area under the receiver operating characteristic."""

import math

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.quantiles import NORMAL
from processors.metrics._area import area
from processors.metrics._probability import positives
from processors.summaries.values import Values

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Values


def get(summary: Values) -> Estimate:
    """Return how often a measured positive has the higher probability than a negative; ties half.

    The interval is Hanley and McNeil's, cut at 0 and 1; none at 0 and 1, where its width is 0.
    Undefined on an empty window, one class only, or more than two classes with none stated as
    positive (a stated one is held against the rest).

    Source: J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver
    operating characteristic (ROC) curve", Radiology 143 (1982), 29-36.

    >>> get(Values(probability=[0.9, 0.4, 0.6, 0.1], label=["hit", "hit", "miss", "miss"])).value
    0.75
    """
    measured = positives(summary)
    if isinstance(measured, Estimate):
        return measured
    above, below = summary.probability[measured], summary.probability[~measured]
    if not above.size or not below.size:
        return undefined(summary.label.size, "one class only")
    value = area(above, below)
    return estimate(summary.label.size, value, _interval(value, above.size, below.size))


def _interval(value: float, positives: int, negatives: int) -> tuple[float, float] | None:
    if not 0.0 < value < 1.0:
        return None
    square = value * value
    two_positives = value / (2 - value)
    two_negatives = 2 * square / (1 + value)
    variance = (
        value * (1 - value)
        + (positives - 1) * (two_positives - square)
        + (negatives - 1) * (two_negatives - square)
    ) / (positives * negatives)
    half = NORMAL * math.sqrt(variance)
    return max(0.0, value - half), min(1.0, value + half)
