"""F1 of a class against the rest, the classes weighing the same."""

from processors.figures.estimate import Estimate
from processors.metrics._f_score import macro_f_score
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return the mean over the classes of 2·TP / (2·TP + FN + FP), 0 to 1; n is all pairs.

    The interval is the delta method's, cut at 0 and 1. Undefined on an empty window. Averaged over
    pairs instead of classes (micro) it is `accuracy`.

    Source: Y. Yang, "An evaluation of statistical approaches to text categorization", Information
    Retrieval 1 (1999), 69-90; the interval as `_f_score.macro_f_score` says.

    >>> window = Confusion(); window.update("a", "a"); window.update("b", "b"); get(window).value
    1.0
    """
    return macro_f_score(summary, missed=1, false=1)
