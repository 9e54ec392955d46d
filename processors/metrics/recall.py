"""Share of the measured positives that were predicted positive."""

from processors.figures.estimate import Estimate
from processors.metrics._by_class import measured, rate
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return true positives / measured positives with Wilson's interval; n is the denominator.

    More than two labels and none stated as positive: `macro_recall`. Undefined where nothing was
    measured positive.

    Source: C. J. van Rijsbergen, "Information Retrieval", 2nd ed., Butterworths 1979, ch. 7.

    >>> window = Confusion(positive="a"); window.update("a", "a"); window.update("b", "b")
    >>> get(window).value, get(window).n
    (1.0, 1)
    """
    return rate(summary, measured, "nothing measured positive")
