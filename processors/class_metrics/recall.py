"""Share of the pairs measured as a class that were predicted so."""

from collections.abc import Iterator, Sequence

from processors.figures.estimate import Estimate
from processors.metrics._by_class import measured, of_class
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = True
WHOLE_SERIES_ONLY = False


def get(summary: Confusion, classes: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Estimate]]:
    """Yield ((class,), recall) with Wilson's interval; n is how often it was measured.

    Undefined for a class that was never measured. Of the negative one of two classes it is the
    specificity. Source: as `processors.metrics.recall`.

    >>> window = Confusion(); window.update("b", "a"); window.update("a", "a")
    >>> [(labels, found.value) for labels, found in get(window, ["a"])]
    [(('a',), 0.5)]
    """
    tallies = summary.tallies()
    for label in classes:
        yield (label,), of_class(tallies[label], measured, "nothing measured")
