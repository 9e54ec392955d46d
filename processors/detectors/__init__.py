"""Detectors of change on one series, one per file; the file's name is the registered name.

A detector file gives EACH_SERIES (whether it watches every series, or only the whole of a model
version) and `Detector`, a class or a partial of one: `update(observation, rate)` returns a Change
or None, `state()` gives its state as plain data and `Detector(state)` takes it back. Its limit
follows from the rate of false alarms it is allowed.
"""

import math
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import NamedTuple, Protocol

import msgspec

State = list[float | int | list[float] | None]


class Observation(msgspec.Struct):
    """One result as a detector sees it; it holds until the next one comes.

    `value` is in the unit of the pair. While nothing changes `score` is standard normal and
    independent of the earlier ones; `gain` is by how much its mean moves when all values do by one
    SD, 0 to about 1. `at` is measured_at in microseconds, None when not stated. `reference` are the
    first values of the series, ascending; `design_effect` is by how much runs inflate the variance
    of a mean of values, 1 or more; `information` is how many independent results would tell the
    baseline's mean as well as it is known, `freedom` the degrees of freedom of how much runs
    differ, and `variance_freedom` those of how much results vary at all; infinite where nothing is
    estimated.
    """

    value: float
    score: float
    gain: float
    at: int | None
    reference: Sequence[float]
    design_effect: float
    information: float = math.inf
    freedom: float = math.inf
    variance_freedom: float = math.inf


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

    strength: float
    """Where the detector stands: 0 for nothing at all, 1 at its limit."""

    @property
    def limit(self) -> float | None:
        """What its statistic must exceed (a p-value: fall to), None before the first look."""

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; return the change it completes, else None.

        `rate` is how many false alarms the detector may raise per observation, above 0.
        """

    def state(self) -> State:
        """Return all that is needed to go on later, as plain data."""


class DetectorFile(Protocol):
    """What a file of this folder gives."""

    EACH_SERIES: bool

    def Detector(self, state: State | None = None) -> Detector:
        """Return a detector that goes on from `state`, or a fresh one for None."""


def detector_names() -> list[str]:
    """Return the name of every detector file of this folder; none is imported.

    >>> "cusum" in detector_names()
    True
    """
    return sorted(found.name for found in iter_modules(__path__) if found.name[0] != "_")


@cache
def detector_file(name: str) -> DetectorFile:
    """Return one detector file; only that is imported, since some libraries are slow to.

    >>> detector_file("cusum").EACH_SERIES
    True
    """
    return import_module(f"{__name__}.{name}")


def all_detectors() -> dict[str, DetectorFile]:
    """Return every detector file of this folder by its name.

    >>> {"cusum", "kolmogorov_smirnov", "spread"} <= all_detectors().keys()
    True
    """
    return {name: detector_file(name) for name in detector_names()}
