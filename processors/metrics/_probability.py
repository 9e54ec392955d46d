"""Probabilities beside what was measured, for metrics of two classes."""

import numpy as np
from numpy.typing import NDArray

from processors.figures.estimate import Estimate, undefined
from processors.summaries.positive import positive_label
from processors.summaries.values import Values


def positives(summary: Values) -> NDArray[np.bool_] | Estimate:
    """Return which pairs were measured positive, or why that cannot be told.

    >>> positives(Values(probability=[0.9, 0.4], label=["hit", "miss"])).tolist()
    [True, False]
    """
    n = summary.label.size
    if not n:
        return undefined(0, "no pairs")
    if summary.positive is None and len(summary.classes) > 2:
        return undefined(n, "more than two classes")
    positive = positive_label(summary.classes, summary.positive)
    if positive is None:
        return undefined(n, "one class only")
    found: NDArray[np.bool_] = summary.label == positive
    return found
