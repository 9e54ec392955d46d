"""What competes, one detector per file, and what a file gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from benchmarks.drift.streams import Stream


@dataclass(frozen=True)
class Contestant:
    """A detector with one parameter.

    `alarms(prepared, value)` yields the places of the pairs with which it raises an alarm, of what
    `prepare(stream)` made of the stream for any value. Between `quiet` and `loud`, both above 0,
    false alarms become more; `shipped` is the value that its library or this project has by
    default. `own_alerts` says that its alarms are alerts that open, one for each change.
    """

    package: str
    parameter: str
    shipped: float
    quiet: float
    loud: float
    prepare: Callable[[Stream], Any]
    alarms: Callable[[Any, float], Iterator[int]]
    peer: bool = False
    own_alerts: bool = False
    note: str = ""


@cache
def all_contestants() -> dict[str, Contestant]:
    """Return every contestant by the name of its file.

    >>> {"recalibra", "adwin", "evidently_ks"} <= all_contestants().keys()
    True
    """
    names = sorted(found.name for found in iter_modules(__path__) if found.name[0] != "_")
    found = {name: import_module(f"{__name__}.{name}").CONTESTANT for name in names}
    return dict(sorted(found.items(), key=lambda each: (each[1].package, each[0])))
