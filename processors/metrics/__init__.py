"""What is told of a window: one file per metric, the file's name is the metric's name.

A metric reads one summary of `processors/summaries/` and gives an Estimate. To add one: a file here
with UNIT, BIGGER_IS_BETTER, NEEDS and `get`; files that start with an underscore are shared parts.
May import `schemas`, `processors.figures` and `processors.summaries` only. SciPy is imported at the
first call.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

from processors.figures.estimate import Estimate
from processors.summaries.confusion import Confusion
from processors.summaries.moments import Moments
from processors.summaries.summary import Summary
from processors.summaries.values import Values


class Metric(Protocol):
    """What a metric's file declares.

    UNIT is "value" (that of the pairs) or "1". BIGGER_IS_BETTER is None where neither is. NEEDS is
    the class of summary that `get` reads. `get` answers every summary, the empty one included.
    """

    UNIT: str
    BIGGER_IS_BETTER: bool | None
    NEEDS: type[Summary]

    def get(self, summary: Summary) -> Estimate:
        """Return the metric of a window."""
        ...


@lru_cache(maxsize=1)
def all_metrics() -> dict[str, Metric]:
    """Return every metric by name, in the order of the names.

    >>> "rmse" in all_metrics(), all_metrics()["rmse"].UNIT
    (True, 'value')
    """
    names = sorted(found.name for found in iter_modules(__path__) if found.name[0] != "_")
    return {name: cast(Metric, import_module(f"{__name__}.{name}")) for name in names}


def compute(
    moments: Moments | None, confusion: Confusion | None, values: Values | None = None
) -> list[tuple[str, Estimate]]:
    """Return the metrics that apply to a window, by name in order.

    Those of value apply where `moments` holds a pair, those of label where `confusion` does, those
    of rank where `values` is given and has the arrays they read. One that applies and is undefined
    is in the list, with its reason.

    >>> window = Moments(); window.update(1.5, 1.0); window.update(2.5, 2.0)
    >>> dict(compute(window, None))["me"].value
    0.5
    """
    numeric = moments if moments is not None and moments.n else None
    labelled = confusion if confusion is not None and confusion.n else None
    ranked = values if values is not None and values.n else None
    of_class: dict[type[Summary], Summary | None] = {
        Moments: numeric,
        Confusion: labelled,
        Values: ranked,
        Summary: numeric or labelled or ranked,
    }
    estimates: list[tuple[str, Estimate]] = []
    for name, needs, get in _getters():
        summary = of_class[needs]
        if summary is None:
            continue
        found = get(summary)
        if found.n or summary is not values:
            estimates.append((name, found))
    return estimates


@lru_cache(maxsize=1)
def _getters() -> tuple[tuple[str, type[Summary], Callable[[Summary], Estimate]], ...]:
    return tuple((name, metric.NEEDS, metric.get) for name, metric in all_metrics().items())
