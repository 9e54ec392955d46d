"""River's HDDM_A."""

from collections.abc import Iterator

from benchmarks.drift.contestants import Contestant
from benchmarks.drift.contestants._river import detected, large


def _alarms(values: list[bool], drift_confidence: float) -> Iterator[int]:
    from river import drift

    return detected(drift.binary.HDDMA(drift_confidence=drift_confidence), values)


CONTESTANT = Contestant(
    "river",
    "drift_confidence",
    0.001,
    1e-12,
    0.99,
    large,
    _alarms,
    note="counts errors beyond the largest fifth of the baseline; rises only",
)
