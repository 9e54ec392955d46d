"""Share of the measured positives that were predicted positive."""

from processors.metrics._by_class import Tally, rate
from processors.metrics._estimate import Estimate
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return true positives / measured positives with Wilson's interval; n is the denominator.

    More than two labels and none stated as positive: the mean over the classes that were measured
    (macro average), no interval. Undefined where nothing was measured positive.

    Source: C. J. van Rijsbergen, "Information Retrieval", 2nd ed., Butterworths 1979, ch. 7.

    >>> window = Confusion(positive="a"); window.update("a", "a"); window.update("b", "b")
    >>> get(window).value, get(window).n
    (1.0, 1)
    """
    return rate(summary, _parts, "nothing measured positive")


def _parts(of: Tally) -> tuple[int, int]:
    return of.true_positives, of.true_positives + of.false_negatives
