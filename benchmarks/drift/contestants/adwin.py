"""River's ADWIN."""

from collections.abc import Iterator

from benchmarks.drift.contestants import Contestant
from benchmarks.drift.contestants._river import detected, standardised


def _alarms(values: list[float], delta: float) -> Iterator[int]:
    from river import drift

    return detected(drift.ADWIN(delta=delta), values)


CONTESTANT = Contestant(
    "river",
    "delta",
    0.002,
    1e-15,
    1.0,
    standardised,
    _alarms,
    note="looks every 32 values; delta is at most 1",
)
