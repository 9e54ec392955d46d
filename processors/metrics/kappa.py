"""Agreement of labels beyond what their shares alone would give."""

from processors.metrics._estimate import Estimate, estimate, undefined
from processors.summaries.confusion import Confusion
from processors.summaries.ratio import ratio

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return Cohen's kappa over all classes, -1 to 1, with no interval.

    Undefined on an empty window, and where everything was predicted and measured as one class.

    Source: J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
    Measurement 20 (1960), 37-46.

    >>> window = Confusion()
    >>> for pair in (("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")):
    ...     window.update(*pair)
    >>> get(window).value
    0.5
    """
    n = summary.n
    if not n:
        return undefined(0, "no pairs")
    predicted: dict[str, int] = {}
    measured: dict[str, int] = {}
    agreed = 0
    for (one, other), count in summary.counts.items():
        predicted[one] = predicted.get(one, 0) + count
        measured[other] = measured.get(other, 0) + count
        agreed += count if one == other else 0
    by_chance = sum(count * measured.get(label, 0) for label, count in predicted.items())
    if by_chance == n * n:
        return undefined(n, "one class only")
    return estimate(n, ratio(n * agreed - by_chance, n * n - by_chance))
