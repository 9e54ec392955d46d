"""Agreement of labels beyond what their shares alone would give."""

import math

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.quantiles import NORMAL
from processors.summaries.confusion import Confusion
from processors.summaries.ratio import ratio

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return Cohen's kappa over all classes, -1 to 1; n is all pairs.

    The interval is Fleiss', Cohen's and Everitt's for large samples, cut at -1 and 1; none where it
    has no width. Undefined on an empty window, and where everything was predicted and measured as
    one class.

    Source: J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
    Measurement 20 (1960), 37-46; J. L. Fleiss, J. Cohen and B. S. Everitt, "Large sample standard
    errors of kappa and weighted kappa", Psychological Bulletin 72 (1969), 323-327.

    >>> window = Confusion()
    >>> for pair in (("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")):
    ...     window.update(*pair)
    >>> get(window).value
    0.5
    """
    n = summary.n
    if not n:
        return undefined(0, "no pairs")
    tallies = summary.tallies().values()
    agreed = sum(tally.hits for tally in tallies)
    by_chance = sum(tally.predicted * tally.measured for tally in tallies)
    if by_chance == n * n:
        return undefined(n, "one class only")
    value = ratio(n * agreed - by_chance, n * n - by_chance)
    variance = _variance(summary, value, by_chance / (n * n))
    if variance <= 0:
        return estimate(n, value)
    half = NORMAL * math.sqrt(variance)
    return estimate(n, value, (max(-1.0, value - half), min(1.0, value + half)))


def _variance(summary: Confusion, kappa: float, by_chance: float) -> float:
    tallies, n = summary.tallies(), summary.n
    total = 0.0
    for (said, truth), count in summary.counts.items():
        # The shares that cross in the cell: of its row's class measured, of its column's predicted.
        shares = (tallies[said].measured + tallies[truth].predicted) / n
        weight = (said == truth) - shares * (1 - kappa)
        total += count / n * weight * weight
    offset = kappa - by_chance * (1 - kappa)
    return (total - offset * offset) / (n * (1 - by_chance) ** 2)
