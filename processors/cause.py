"""Which factor level explains a change, if one does.

A level explains a change when its results moved with the change and the others' did not, or moved
less. Levels that hold the same results cannot be told apart and are reported as tied. Reference for
the adjustment: Y. Benjamini, Y. Hochberg (1995), JRSS B 57, 289-300.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from processors.normal_scores import normal_score
from processors.series import Scored
from schemas.events import CONTEXT_FIELDS

Level = tuple[str, str]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

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
    """What one side of the change has of a level and of all others: errors or their scores."""

    own: Numbers
    others: Numbers


class _Side:
    """The results on one side of the change; scores are normal scores among all before it."""

    def __init__(self, records: Sequence[Scored], reference: list[float]) -> None:
        errors = [record.error for record in records]
        self._held = np.array([error is not None for error in errors], bool)
        self._reference = reference
        self.errors = np.array([error for error in errors if error is not None], float)

    @cached_property
    def scores(self) -> Numbers:
        reference = self._reference
        return np.array([normal_score(error, reference) for error in self.errors.tolist()], float)

    def among(self, members: set[int]) -> Flags:
        """Return which of the errors are those of `members`, numbers of records."""
        own = np.zeros(self._held.size, bool)
        own[list(members)] = True
        held: Flags = own[self._held]
        return held


def _split(values: Numbers, own: Flags) -> _Split:
    return _Split(values[own], values[~own])


def _members(records: Sequence[Scored]) -> dict[Level, set[int]]:
    found: dict[Level, set[int]] = defaultdict(set)
    for index, record in enumerate(records):
        for field, value in zip(CONTEXT_FIELDS, record.context, strict=True):
            if value is not None:
                found[field, value].add(index)
    return found


def _moved_apart(since: _Split, before: _Split) -> float:
    """Return the p-value of a level's move since the change being that of the others.

    Moves are differences of mean normal scores, each with its own variance. Reference:
    B. L. Welch (1947), Biometrika 34, 28-35.
    """
    from scipy.stats import t  # slow to import

    groups = (since.own, before.own, since.others, before.others)
    means = [float(group.mean()) for group in groups]
    move, others_move = means[0] - means[1], means[2] - means[3]
    if abs(move) <= abs(others_move):
        return 1.0
    parts = [float(group.var(ddof=1)) / group.size for group in groups]
    if sum(parts) <= 0:
        return 0.0
    freedom = sum(parts) ** 2 / sum(
        part**2 / (group.size - 1) for part, group in zip(parts, groups, strict=True)
    )
    return float(2 * t.sf(abs(move - others_move) / sum(parts) ** 0.5, freedom))


def _differs(own: Numbers, others: Numbers, earlier: Numbers) -> float:
    """Return the p-value of a level without a past having the errors of its peers."""
    from scipy.stats import mannwhitneyu  # slow to import

    if earlier.size:
        norm = earlier.mean()
        if abs(own.mean() - norm) <= abs(others.mean() - norm):
            return 1.0
    return float(mannwhitneyu(own, others, alternative="two-sided").pvalue)


def _p_value(since: _Side, before: _Side, own: set[int], own_before: set[int]) -> float | None:
    """Return how likely a level is no cause, or None when there is too little to tell."""
    among, among_before = since.among(own), before.among(own_before)
    count, others = np.count_nonzero(among), np.count_nonzero(~among)
    past, others_past = np.count_nonzero(among_before), np.count_nonzero(~among_before)
    if count < LEVEL_RESULTS_MIN:
        return None
    errors = _split(since.errors, among)
    if others < LEVEL_RESULTS_MIN:
        # The level took over with the change: there are no peers but the past.
        if past or before.errors.size < LEVEL_RESULTS_MIN:
            return None
        return _differs(errors.own, before.errors, before.errors[:0])
    if min(past, others_past) >= PAST_RESULTS_MIN:
        return _moved_apart(_split(since.scores, among), _split(before.scores, among_before))
    return _differs(errors.own, errors.others, before.errors)


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
    reference = sorted(record.error for record in before if record.error is not None)
    side, side_before = _Side(since, reference), _Side(before, reference)
    candidates: list[tuple[float, Level, set[int]]] = []
    for level, members in _members(since).items():
        p_value = _p_value(side, side_before, members, past.get(level, set()))
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
