"""When a change began, from the results themselves and not from the order in which they came."""

from collections.abc import Sequence

import numpy as np

from processors.normal_scores import normal_score
from processors.series import Scored
from schemas.events import CONTEXT_FIELDS

# Fewer results on either side say nothing of a mean.
BEFORE_RESULTS_MIN = 20
AFTER_RESULTS_MIN = 5
# Below this the largest difference of many is what chance gives.
STRENGTH_MIN = 4.0


def _strongest_split(scores: Sequence[float]) -> tuple[float, int]:
    """Return the largest standardised difference of means over all splits, and where it is."""
    total = len(scores)
    if total < BEFORE_RESULTS_MIN + AFTER_RESULTS_MIN:
        return 0.0, 0
    sums = np.cumsum(scores)
    before = np.arange(BEFORE_RESULTS_MIN, total - AFTER_RESULTS_MIN + 1)
    after = total - before
    difference = (sums[-1] - sums[before - 1]) / after - sums[before - 1] / before
    strengths = np.abs(difference) * np.sqrt(before * after / total)
    best = int(np.argmax(strengths))
    return float(strengths[best]), int(before[best])


def onset(records: Sequence[Scored]) -> int | None:
    """Return the measured_at of the first result of the strongest change, or None for none.

    `records` are scored pairs of one model version and assay in the order of their times. The whole
    and each level of each factor are split where the mean normal scores of the errors differ most,
    and the strongest split counts. Reference: D. M. Hawkins (1977), Testing a sequence of
    observations for a shift in location, JASA 72, 180-186.

    >>> lot = ("L1", None, None, None)
    >>> def at(time, error): return Scored("1", time, lot, error, 0.0, None, None, None)
    >>> good = [at(t, t % 7 - 3.0) for t in range(60)]
    >>> onset(good + [at(60 + t, t % 7 + 9.0) for t in range(20)])
    60
    >>> onset(good) is None
    True
    """
    timed = [(r, r.error) for r in records if r.at is not None and r.error is not None]
    reference = sorted(error for _, error in timed)
    scored = [(record, normal_score(error, reference)) for record, error in timed]
    groups: dict[tuple[str, str] | None, list[tuple[Scored, float]]] = {None: scored}
    for record, score in scored:
        for field, value in zip(CONTEXT_FIELDS, record.context, strict=True):
            if value is not None:
                groups.setdefault((field, value), []).append((record, score))
    strongest, began = STRENGTH_MIN, None
    for members in groups.values():
        strength, place = _strongest_split([score for _, score in members])
        if strength > strongest:
            strongest, began = strength, members[place][0].at
    return began
