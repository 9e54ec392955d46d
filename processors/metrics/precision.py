"""Share of the predicted positives that were measured positive."""

from processors.figures.estimate import Estimate
from processors.metrics._by_class import predicted, rate
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return true positives / predicted positives with Wilson's interval; n is the denominator.

    More than two labels and none stated as positive: `macro_precision`. Undefined where nothing was
    predicted positive.

    Source: C. J. van Rijsbergen, "Information Retrieval", 2nd ed., Butterworths 1979, ch. 7.

    >>> window = Confusion(positive="a"); window.update("a", "a"); window.update("a", "b")
    >>> get(window).value, get(window).n
    (0.5, 2)
    """
    return rate(summary, predicted, "nothing predicted positive")
