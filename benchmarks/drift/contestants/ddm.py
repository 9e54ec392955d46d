"""River's DDM."""

from collections.abc import Iterator

from benchmarks.drift.contestants import Contestant
from benchmarks.drift.contestants._river import detected, large


def _alarms(values: list[bool], drift_threshold: float) -> Iterator[int]:
    from river import drift

    return detected(
        drift.binary.DDM(
            drift_threshold=drift_threshold, warning_threshold=min(2.0, drift_threshold)
        ),
        values,
    )


CONTESTANT = Contestant(
    "river",
    "drift_threshold",
    3.0,
    30.0,
    0.3,
    large,
    _alarms,
    note="counts errors beyond the largest fifth of the baseline; rises only",
)
