"""Area under the receiver operating characteristic."""

import math

import numpy as np
from scipy.stats import rankdata

from processors.metrics._estimate import Estimate, estimate, undefined
from processors.metrics._quantiles import NORMAL
from processors.summaries.positive import positive_label
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
    n = summary.label.size
    if not n:
        return undefined(0, "no pairs")
    labels = [str(label) for label in np.unique(summary.label)]
    if summary.positive is None and len(labels) > 2:
        return undefined(n, "more than two classes")
    is_positive = summary.label == positive_label(labels, summary.positive)
    positives = int(is_positive.sum())
    negatives = n - positives
    if not positives or not negatives:
        return undefined(n, "one class only")
    ranks = float(rankdata(summary.probability)[is_positive].sum())
    area = (ranks - positives * (positives + 1) / 2) / (positives * negatives)
    return estimate(n, area, _interval(area, positives, negatives))


def _interval(area: float, positives: int, negatives: int) -> tuple[float, float] | None:
    if not 0.0 < area < 1.0:
        return None
    square = area * area
    two_positives = area / (2 - area)
    two_negatives = 2 * square / (1 + area)
    variance = (
        area * (1 - area)
        + (positives - 1) * (two_positives - square)
        + (negatives - 1) * (two_negatives - square)
    ) / (positives * negatives)
    half = NORMAL * math.sqrt(variance)
    return max(0.0, area - half), min(1.0, area + half)
