"""Share of the pairs predicted as a class that were measured so."""

from collections.abc import Iterator, Sequence

from processors.figures.estimate import Estimate
from processors.metrics._by_class import of_class, predicted
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = True
WHOLE_SERIES_ONLY = False


def get(summary: Confusion, classes: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Estimate]]:
    """Yield ((class,), precision) with Wilson's interval; n is how often it was predicted.

    Undefined for a class that was never predicted. Of the negative one of two classes it is the
    negative predictive value. Source: as `processors.metrics.precision`.

    >>> window = Confusion(); window.update("b", "a"); window.update("a", "a")
    >>> [(labels, found.value) for labels, found in get(window, ["b"])]
    [(('b',), 0.0)]
    """
    tallies = summary.tallies()
    for label in classes:
        yield (label,), of_class(tallies[label], predicted, "nothing predicted")
