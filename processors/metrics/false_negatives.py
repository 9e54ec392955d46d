"""How many of the measured positives were predicted negative."""

from processors.figures.estimate import Estimate, estimate, undefined
from processors.metrics._by_class import NEVER
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = False
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return the number of measured positives that were predicted otherwise; n is all pairs.

    A count, with no interval: `recall` has that of the rate. Undefined on an empty window, with one
    class of which it cannot be told whether it is the positive one, and with more than two of which
    none is stated as positive.

    >>> window = Confusion(positive="a"); window.update("b", "a"); window.update("a", "a")
    >>> get(window).value
    1.0
    """
    n = summary.n
    if not n:
        return undefined(0, "no pairs")
    tallies = summary.tallies()
    if summary.positive is None and len(tallies) > 2:
        return undefined(n, "more than two classes")
    positive = summary.positive_class()
    if positive is None:
        return undefined(n, "one class only")
    return estimate(n, float(tallies.get(positive, NEVER).false_negatives))
