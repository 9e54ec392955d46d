"""River's Page-Hinkley test."""

from collections.abc import Iterator

from benchmarks.drift.contestants import Contestant
from benchmarks.drift.contestants._river import detected, standardised


def _alarms(values: list[float], threshold: float) -> Iterator[int]:
    from river import drift

    return detected(drift.PageHinkley(threshold=threshold, mode="both"), values)


CONTESTANT = Contestant(
    "river",
    "threshold",
    50.0,
    500.0,
    1.0,
    standardised,
    _alarms,
    note="shipped delta and alpha",
)
