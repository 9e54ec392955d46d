"""What is told of the single classes of a window: one file per figure, named FILE:CLASS.

To add one: a file here with UNIT, BIGGER_IS_BETTER, WHOLE_SERIES_ONLY and `get`; the file's name is
what the name of its rows begins with. May import `schemas`, `processors.figures`,
`processors.metrics` and `processors.summaries` only.

Labels are data of users, and there may be many of them: CLASSES_MAX are told of a window, the most
frequent ones, and none whose name takes more than NAME_BYTES_MAX.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

from processors.figures.estimate import Estimate
from processors.summaries.confusion import Confusion

__all__ = ["CLASSES_MAX", "NAME_BYTES_MAX", "ClassMetric", "all_class_metrics", "compute_classes"]

CLASSES_MAX = 10
NAME_BYTES_MAX = 64

Told = Iterable[tuple[tuple[str, ...], Estimate]]


class ClassMetric(Protocol):
    """What a file declares; UNIT and BIGGER_IS_BETTER as those of `processors.metrics.Metric`.

    WHOLE_SERIES_ONLY says that it is told of the window of all pairs and of no other. `get` yields
    (labels, figure) for what there is among `classes`, which are labels of the window.
    """

    UNIT: str
    BIGGER_IS_BETTER: bool | None
    WHOLE_SERIES_ONLY: bool

    def get(self, summary: Confusion, classes: Sequence[str]) -> Told:
        """Yield the figures of some classes of a window."""
        ...


@lru_cache(maxsize=1)
def all_class_metrics() -> dict[str, ClassMetric]:
    """Return every figure of single classes by name, in the order of the names.

    >>> list(all_class_metrics())
    ['confusion', 'precision', 'recall']
    """
    names = sorted(found.name for found in iter_modules(__path__) if found.name[0] != "_")
    return {name: cast(ClassMetric, import_module(f"{__name__}.{name}")) for name in names}


def quoted(label: str) -> str:
    """Return a label as it stands in a name; ClickHouse's decodeURLComponent gives it back.

    Source: RFC 3986, 2.1, for the two characters that would be misread.

    >>> quoted("IC50 < 5 %: active")
    'IC50 < 5 %25%3A active'
    """
    return label.replace("%", "%25").replace(":", "%3A")


def told_classes(confusion: Confusion) -> list[str]:
    """Return the labels of a window that are told of, in order: CLASSES_MAX at most.

    Those that were measured or predicted most often, of equals the first in order.

    >>> window = Confusion(); window.update("b", "a"); told_classes(window)
    ['a', 'b']
    """
    tallies = confusion.tallies()
    short = [label for label in tallies if len(quoted(label).encode()) <= NAME_BYTES_MAX]
    if len(short) > CLASSES_MAX:
        short.sort(key=lambda label: -tallies[label].measured - tallies[label].predicted)
        short = sorted(short[:CLASSES_MAX])
    return short


def compute_classes(confusion: Confusion, whole: bool) -> list[tuple[str, Estimate]]:
    """Return what is told of the classes of a window, by name; `whole` if it holds all pairs.

    >>> window = Confusion(); window.update("b", "a"); window.update("a", "a")
    >>> [(name, found.value) for name, found in compute_classes(window, True)]
    [('confusion:a:a', 1.0), ('confusion:a:b', 1.0), ('precision:a', 1.0), ('precision:b', 0.0), \
('recall:a', 0.5), ('recall:b', None)]
    """
    classes = told_classes(confusion)
    names = {label: quoted(label) for label in classes}
    return [
        (":".join((name, *(names[label] for label in labels))), found)
        for name, whole_only, get in _getters()
        if whole or not whole_only
        for labels, found in get(confusion, classes)
    ]


@lru_cache(maxsize=1)
def _getters() -> tuple[tuple[str, bool, Callable[[Confusion, Sequence[str]], Told]], ...]:
    found = all_class_metrics().items()
    return tuple((name, metric.WHOLE_SERIES_ONLY, metric.get) for name, metric in found)
