"""Which factor level explains a change, if one does.

A level explains a change when its results moved with the change and the others' did not, or moved
less. Levels that hold the same results cannot be told apart and are reported as tied. Reference for
the adjustment: Y. Benjamini, Y. Hochberg (1995), JRSS B 57, 289-300.
"""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean, variance
from typing import NamedTuple

from processors.normal_scores import normal_score
from processors.series import Scored
from schemas.events import CONTEXT_FIELDS

Level = tuple[str, str]

# Fewer results than this on either side cannot tell a level from its peers.
LEVEL_RESULTS_MIN = 5
# With so many results before the change a level is held against its own past.
PAST_RESULTS_MIN = 20
# Low, since an open alert's cause is looked for up to forty times.
ADJUSTED_P_MAX = 0.001
# Two levels that share this part of their results are the same change in two names.
TIED_OVERLAP_MIN = 0.9


class Cause(NamedTuple):
    """What explains a change: the level, or None; `tied` holds levels that cannot be told apart."""

    level: Level | None
    tied: list[Level]
    p_value: float | None


NO_CAUSE = Cause(None, [], None)


class _Split(NamedTuple):
    """The errors of one side of the change: those of a level and those of all others."""

    own: list[float]
    others: list[float]


def _members(records: Sequence[Scored]) -> dict[Level, set[int]]:
    found: dict[Level, set[int]] = defaultdict(set)
    for index, record in enumerate(records):
        for field, value in zip(CONTEXT_FIELDS, record.context, strict=True):
            if value is not None:
                found[field, value].add(index)
    return found


def _split(records: Sequence[Scored], members: set[int]) -> _Split:
    split = _Split([], [])
    for index, record in enumerate(records):
        if record.error is not None:
            (split.own if index in members else split.others).append(record.error)
    return split


def _moved_apart(since: _Split, before: _Split) -> float:
    """Return the p-value of a level's move since the change being that of the others.

    Moves are differences of mean normal scores among all errors before the change, each with its
    own variance. Reference: B. L. Welch (1947), Biometrika 34, 28-35.
    """
    from scipy.stats import t  # slow to import

    reference = sorted(before.own + before.others)
    groups = [
        [normal_score(error, reference) for error in errors]
        for errors in (since.own, before.own, since.others, before.others)
    ]
    move = fmean(groups[0]) - fmean(groups[1])
    others_move = fmean(groups[2]) - fmean(groups[3])
    if abs(move) <= abs(others_move):
        return 1.0
    parts = [variance(group) / len(group) for group in groups]
    if sum(parts) <= 0:
        return 0.0
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(group) - 1) for part, group in zip(parts, groups, strict=True)
    )
    return float(2 * t.sf(abs(move - others_move) / sum(parts) ** 0.5, freedom))


def _differs(own: list[float], others: list[float], earlier: list[float]) -> float:
    """Return the p-value of a level without a past having the errors of its peers."""
    from scipy.stats import mannwhitneyu  # slow to import

    if earlier:
        norm = fmean(earlier)
        if abs(fmean(own) - norm) <= abs(fmean(others) - norm):
            return 1.0
    return float(mannwhitneyu(own, others, alternative="two-sided").pvalue)


def _p_value(since: _Split, before: _Split, all_before: list[float]) -> float | None:
    """Return how likely a level is no cause, or None when there is too little to tell."""
    if len(since.own) < LEVEL_RESULTS_MIN:
        return None
    if len(since.others) < LEVEL_RESULTS_MIN:
        # The level took over with the change: there are no peers but the past.
        if before.own or len(all_before) < LEVEL_RESULTS_MIN:
            return None
        return _differs(since.own, all_before, [])
    if min(len(before.own), len(before.others)) >= PAST_RESULTS_MIN:
        return _moved_apart(since, before)
    return _differs(since.own, since.others, all_before)


def explain(since: Sequence[Scored], before: Sequence[Scored]) -> Cause:
    """Return the factor level that explains why `since` differs from `before`.

    Both are scored pairs of one model version and assay, split at the change. A level with a past
    is held against that past, so that one which always read off is no cause; one without is held
    against its peers.

    >>> def at(lot, error): return Scored("1", 0, (lot, None, None, None), error, 0.0, *[None] * 3)
    >>> good = [at("L1", i / 10) for i in range(30)]
    >>> bad = [at("L2", 3 + i / 10) for i in range(15)]
    >>> explain(good + bad, good).level
    ('reagent_batch', 'L2')
    >>> explain(good, good).level is None
    True
    """
    from scipy.stats import false_discovery_control  # slow to import

    past = _members(before)
    all_before = [record.error for record in before if record.error is not None]
    candidates: list[tuple[float, Level, set[int]]] = []
    for level, members in _members(since).items():
        split, split_before = _split(since, members), _split(before, past.get(level, set()))
        p_value = _p_value(split, split_before, all_before)
        if p_value is not None:
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
        if other != level and len(members & its) >= TIED_OVERLAP_MIN * len(members | its)
    ]
    if tied:
        return Cause(None, [level, *tied], float(adjusted[best]))
    return Cause(level, [], float(adjusted[best]))
