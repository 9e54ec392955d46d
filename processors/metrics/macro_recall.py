"""Recall of a class against the rest, the classes weighing the same."""

from processors.metrics._by_class import Tally, macro
from processors.metrics._estimate import Estimate
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return the mean over the classes of TP / (TP + FN), 0 to 1, with no interval.

    Classes whose denominator is 0 are left out (scikit-learn's `zero_division=nan`). Undefined on
    an empty window. Averaged over pairs instead of classes (micro) it is `accuracy`.

    Source: Y. Yang, "An evaluation of statistical approaches to text categorization", Information
    Retrieval 1 (1999), 69-90.

    >>> window = Confusion(); window.update("a", "a"); window.update("b", "b"); get(window).value
    1.0
    """
    return macro(summary, _parts, "nothing measured")


def _parts(of: Tally) -> tuple[int, int]:
    return of.true_positives, of.true_positives + of.false_negatives
