"""The best possible for a shift of 1 SD: a CUSUM that knows mean, SD and ICC beforehand.

References: G. Lorden (1971), Annals of Mathematical Statistics 42, 1897-1908; G. V. Moustakides
(1986), Annals of Statistics 14, 1379-1387.
"""

import math
from collections.abc import Iterator

from benchmarks.drift.contestants import Contestant
from benchmarks.drift.streams import Stream

Steps = list[tuple[float, float]]


def _prepare(stream: Stream) -> Steps:
    """Return for each error what is new in it, and what it gains by a shift of 1 SD."""
    icc, found = stream.icc, Steps()
    run, count, total = -1, 0, 0.0
    for error, its_run in zip(stream.errors, stream.runs, strict=True):
        if its_run != run:
            run, count, total = its_run, 0, 0.0
        # Of errors with equal correlations, the regression on the earlier ones of the run.
        weight = count * icc / (1 + (count - 1) * icc) if count else 0.0
        sd = math.sqrt(1 - weight * icc)
        expected = weight * total / count if count else 0.0
        found.append(((error - expected) / sd, (1 - weight) / sd))
        count, total = count + 1, total + error
    return found


def _alarms(steps: Steps, limit: float) -> Iterator[int]:
    up = down = 0.0
    for place, (new, gain) in enumerate(steps):
        up = max(0.0, up + gain * new - gain * gain / 2)
        down = max(0.0, down - gain * new - gain * gain / 2)
        if up > limit or down > limit:
            up = down = 0.0
            yield place


CONTESTANT = Contestant(
    "none",
    "limit",
    5.0,
    20.0,
    0.5,
    _prepare,
    _alarms,
    note="no detector: knows mean, SD and ICC, which nobody does; the bound for a shift of 1 SD",
)
