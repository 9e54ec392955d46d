"""How often a class was predicted where a class was measured."""

from collections.abc import Iterator, Sequence

from processors.figures.estimate import Estimate
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = None
WHOLE_SERIES_ONLY = True


def get(summary: Confusion, classes: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Estimate]]:
    """Yield ((measured, predicted), count) of every cell above 0; n is the count, too.

    It is exact, so it has no interval.

    >>> window = Confusion(); window.update("b", "a")
    >>> [(labels, found.value) for labels, found in get(window, ["a", "b"])]
    [(('a', 'b'), 1.0)]
    """
    counts = summary.counts
    for measured in classes:
        for predicted in classes:
            count = counts.get((predicted, measured))
            if count:
                yield (measured, predicted), Estimate(float(count), None, None, count)
