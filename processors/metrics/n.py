"""How many pairs a window holds: its numeric pairs if it has any, else its labelled ones."""

from processors.figures.estimate import Estimate, estimate
from processors.summaries.summary import Summary

UNIT = "1"
BIGGER_IS_BETTER = None
NEEDS = Summary


def get(summary: Summary) -> Estimate:
    """Return the count of pairs; it is exact, so it has no interval.

    >>> from processors.summaries.moments import Moments
    >>> get(Moments()).value
    0.0
    """
    return estimate(summary.n, float(summary.n))
