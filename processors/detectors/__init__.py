"""Detectors of change on one series, one per file; the file's name is the registered name.

A detector file gives a class `Detector`: `update(observation)` returns a Change or None, `state()`
gives its state as plain data and `Detector(state)` takes it back.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import NamedTuple, Protocol

State = list[float | int | list[float] | None]


class Observation(NamedTuple):
    """One scored pair as a detector sees it.

    `error` is prediction − outcome in the unit of the pair; `score` is its normal score against the
    reference errors (standard normal while nothing changes); `at` is its measured_at in
    microseconds, None when not stated; `reference` are the series' reference errors, ascending.
    """

    error: float
    score: float
    at: int | None
    reference: list[float]


class Change(NamedTuple):
    """A change found: `since` is the `at` of its first pair, `p_value` None where there is none.

    `false_alarms_per_year` is what the crossed limit was set for, None where that is not known.
    """

    detector: str
    since: int | None
    p_value: float | None
    false_alarms_per_year: float | None = None


class Detector(Protocol):
    """Watches one series in the order of its log."""

    def update(self, observation: Observation) -> Change | None:
        """Take one observation; return the change it completes, else None."""

    def state(self) -> State:
        """Return all that is needed to go on later, as plain data."""


class DetectorFile(Protocol):
    """What a file of this folder gives."""

    def Detector(self, state: State | None = None) -> Detector:
        """Return a detector that goes on from `state`, or a fresh one for None."""


@cache
def all_detectors() -> dict[str, DetectorFile]:
    """Return every detector file of this folder by its name.

    >>> sorted(all_detectors())
    ['kolmogorov_smirnov', 'page_hinkley']
    """
    return {m.name: import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__)}
