"""F1: precision and recall in one figure, both weighing the same."""

from processors.metrics._by_class import Tally, rate
from processors.metrics._estimate import Estimate
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return 2·TP / (2·TP + FN + FP), 0 to 1, with no interval; n is all pairs.

    More than two labels and none stated as positive: the mean over the classes (macro average).
    Undefined where nothing was predicted or measured positive.

    Source: C. J. van Rijsbergen, "Information Retrieval", 2nd ed., Butterworths 1979, ch. 7, with
    beta = 1.

    >>> window = Confusion(positive="a"); window.update("a", "a"); window.update("a", "b")
    >>> round(get(window).value, 4)
    0.6667
    """
    return rate(summary, _parts, "nothing predicted or measured positive", proportion=False)


def _parts(of: Tally) -> tuple[int, int]:
    hits = 2 * of.true_positives
    return hits, hits + of.false_negatives + of.false_positives
