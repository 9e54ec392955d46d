"""Recall of a class against the rest, the classes weighing the same."""

from processors.figures.estimate import Estimate
from processors.metrics._by_class import macro, measured
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return the mean over the classes of TP / (TP + FN), 0 to 1; n is all pairs.

    The interval joins Wilson's of each class. Classes whose denominator is 0 are left out
    (scikit-learn's `zero_division=nan`). Undefined on an empty window. Averaged over pairs instead
    of classes (micro) it is `accuracy`.

    Source: Y. Yang, "An evaluation of statistical approaches to text categorization", Information
    Retrieval 1 (1999), 69-90; the interval as `_by_class.macro` says.

    >>> window = Confusion(); window.update("a", "a"); window.update("b", "b"); get(window).value
    1.0
    """
    return macro(summary, measured, "nothing measured")
