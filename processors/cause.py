"""Which factor level explains a change, if one does.

A level explains a change when the results made with it since the change differ from all other
results since the change. Levels that hold the same results cannot be told apart and are reported as
tied. Reference for the adjustment: Y. Benjamini, Y. Hochberg (1995), JRSS B 57, 289-300.
"""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from processors.series import Scored
from schemas.events import CONTEXT_FIELDS

Level = tuple[str, str]

# Fewer results than this on either side cannot tell a level from its peers.
LEVEL_RESULTS_MIN = 5
ADJUSTED_P_MAX = 0.01
# Two levels that share this part of their results are the same change in two names.
TIED_OVERLAP_MIN = 0.9


class Cause(NamedTuple):
    """What explains a change: the level, or None; `tied` holds levels that cannot be told apart."""

    level: Level | None
    tied: list[Level]
    p_value: float | None


NO_CAUSE = Cause(None, [], None)


def _members(records: Sequence[Scored]) -> dict[Level, set[int]]:
    found: dict[Level, set[int]] = defaultdict(set)
    for index, record in enumerate(records):
        for field, value in zip(CONTEXT_FIELDS, record.context, strict=True):
            if value is not None:
                found[field, value].add(index)
    return found


def _overlap(left: set[int], right: set[int]) -> float:
    return len(left & right) / len(left | right)


def _moved_more(own: list[float], others: list[float], earlier: list[float]) -> bool:
    """Whether a level, and not its peers, is what left the earlier errors' mean."""
    norm = fmean(earlier)
    return abs(fmean(own) - norm) > abs(fmean(others) - norm)


def explain(since: Sequence[Scored], before: Sequence[Scored]) -> Cause:
    """Return the factor level that explains why `since` differs from `before`.

    Both are scored pairs of one model version and assay, split at the change. A level that took
    over with the change is compared with `before`, since there are no peers to compare it with.

    >>> def at(lot, error): return Scored("1", 0, (lot, None, None, None), error, 0.0, *[None] * 3)
    >>> good = [at("L1", i / 10) for i in range(30)]
    >>> bad = [at("L2", 3 + i / 10) for i in range(15)]
    >>> explain(good + bad, good).level
    ('reagent_batch', 'L2')
    >>> explain(good, good).level is None
    True
    """
    from scipy.stats import false_discovery_control, mannwhitneyu  # slow to import

    errors = [record.error for record in since]
    earlier = [record.error for record in before if record.error is not None]
    earlier_levels = set(_members(before))
    candidates: list[tuple[float, Level, set[int]]] = []
    for level, members in _members(since).items():
        own = [e for i, e in enumerate(errors) if i in members and e is not None]
        others = [e for i, e in enumerate(errors) if i not in members and e is not None]
        if len(others) < LEVEL_RESULTS_MIN and level not in earlier_levels:
            others = earlier
        if len(own) < LEVEL_RESULTS_MIN or len(others) < LEVEL_RESULTS_MIN:
            continue
        if len(earlier) >= LEVEL_RESULTS_MIN and not _moved_more(own, others, earlier):
            continue
        p_value = float(mannwhitneyu(own, others, alternative="two-sided").pvalue)
        candidates.append((p_value, level, members))
    if not candidates:
        return NO_CAUSE
    adjusted = false_discovery_control([p for p, _, _ in candidates])
    best = min(range(len(candidates)), key=lambda i: candidates[i][0])
    if adjusted[best] > ADJUSTED_P_MAX:
        return NO_CAUSE
    _, level, members = candidates[best]
    tied = [
        other
        for _, other, its in candidates
        if other != level and _overlap(members, its) >= TIED_OVERLAP_MIN
    ]
    if tied:
        return Cause(None, [level, *tied], float(adjusted[best]))
    return Cause(level, [], float(adjusted[best]))
