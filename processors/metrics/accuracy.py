"""Share of labels predicted as measured."""

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.intervals import wilson_interval
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return the share of pairs whose labels agree, over all classes, with Wilson's interval.

    Undefined on an empty window. Source: E. B. Wilson, Journal of the American Statistical
    Association 22 (1927), 209-212.

    >>> window = Confusion(); window.update("a", "a"); window.update("a", "b")
    >>> get(window).value
    0.5
    """
    n = summary.n
    if not n:
        return undefined(0, "no pairs")
    hits = sum(count for cell, count in summary.counts.items() if cell[0] == cell[1])
    return estimate(n, hits / n, wilson_interval(hits, n))
