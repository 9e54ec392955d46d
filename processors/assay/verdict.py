"""Assay, model or chemistry: which of them a change of a model's errors came from.

The controls know no model: if they moved as the outcomes of the pairs must have, it was the assay.
Molecules outside the model's domain, while those well inside it err as before, are a change of
chemistry. What is left is the model. Without controls assay and model cannot be told apart.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from processors.assay.domain import OUTSIDE_RANK
from processors.assay.mean_shift import ControlResults, Shift, control_shift, mean_shift

ASSAY, MODEL, CHEMISTRY, UNKNOWN = "assay", "model", "chemistry", "unknown"
# Fewer pairs on either side say nothing of a mean.
SINCE_PAIRS_MIN, BEFORE_PAIRS_MIN = 5, 20
# Who explains less than half of a shift does not explain it.
EXPLAINED_MIN = 0.5
# The half of the reference that is nearest to its neighbours: hardly a foreign molecule is there.
WELL_INSIDE_RANK, WELL_INSIDE_MIN_PART = 0.5, 0.1
# Chemistry overrules the other two, so its evidence must be better than one in twenty.
P_VALUE_MAX = 0.01


class Judged(NamedTuple):
    """One pair: its error (prediction − outcome), domain rank, and values; None means not known.

    Error, values and control results share a unit; `rank` is `Domain.update(...).rank`.
    """

    error: float
    rank: float | None = None
    predicted: float | None = None
    measured: float | None = None


class Verdict(NamedTuple):
    """`blamed` is "assay", "model", "chemistry" or "unknown", and `reason` a sentence why."""

    blamed: str
    reason: str


class _Chemistry(NamedTuple):
    """Whether the molecules changed and carry the shift, or None when that is not known.

    `placed` tells whether it is known where they lie.
    """

    changed: bool | None
    reason: str
    placed: bool = False


def blame(
    since: Sequence[Judged], before: Sequence[Judged], controls: Sequence[ControlResults]
) -> Verdict:
    """Return what a change of the mean error came from.

    `since` are the pairs since the onset, `before` those of the same series before it; `controls`
    the control compounds with their results since the onset, empty when none are known. A change of
    the spread alone is "unknown". Errors that are not finite are left out.

    >>> from processors.assay.control_target import Target
    >>> before = [Judged(i % 7 - 3.0, 0.5) for i in range(70)]
    >>> since = [Judged(i % 7 - 6.0, 0.5) for i in range(35)]
    >>> good = ControlResults(Target(10.0, 2.0), [9.0, 10.0, 11.0, 10.0, 10.5])
    >>> high = ControlResults(Target(10.0, 2.0), [13.0, 12.0, 14.0, 13.0, 12.5])
    >>> blame(since, before, [high]).blamed, blame(since, before, [good]).blamed
    ('assay', 'model')
    >>> blame(since, before, []).reason
    'the errors moved by -3 (-3.84 to -2.16); no control result since then is known, so that assay \
and model cannot be told apart'
    """
    since = [pair for pair in since if math.isfinite(pair.error)]
    before = [pair for pair in before if math.isfinite(pair.error)]
    if len(since) < SINCE_PAIRS_MIN or len(before) < BEFORE_PAIRS_MIN:
        return Verdict(
            UNKNOWN,
            f"{len(since)} pairs since the change and {len(before)} before it are too few: "
            f"{SINCE_PAIRS_MIN} and {BEFORE_PAIRS_MIN} are needed",
        )
    errors = mean_shift([pair.error for pair in since], [pair.error for pair in before])
    assert errors is not None
    if not errors.clear:
        return Verdict(
            UNKNOWN,
            f"the mean error did not move clearly, {errors}: only a shift of the mean is told as "
            "assay, model or chemistry",
        )
    blamed, why = _decided(errors, control_shift(controls), _chemistry(since, before))
    return Verdict(blamed, f"the errors moved by {errors}; {why}")


def _decided(errors: Shift, moved: Shift | None, chemistry: _Chemistry) -> tuple[str, str]:
    # An outcome that reads higher makes prediction − outcome lower.
    part = None if moved is None else -moved.value / errors.value
    affected = _explains(moved, errors)
    if affected:
        return ASSAY, f"the controls moved by {moved}, which is {part:.0%} of what explains it"
    if chemistry.changed:
        aside = "" if moved is None else f"; the controls moved by {moved}"
        return CHEMISTRY, chemistry.reason + aside
    if moved is None:
        return UNKNOWN, (
            "no control result since then is known, so that assay and model cannot be told apart"
        )
    if affected is None:
        return UNKNOWN, (
            f"the controls moved by {moved}, too few results to tell assay and model apart"
        )
    if chemistry.changed is None and chemistry.placed:
        return UNKNOWN, f"the controls did not move with them, {moved}; {chemistry.reason}"
    return MODEL, f"the controls did not move with them, {moved}, and {chemistry.reason}"


def _explains(moved: Shift | None, errors: Shift) -> bool | None:
    """Return whether the controls moved as outcomes must have for the errors; None: not known."""
    if moved is None:
        return None
    half = -moved.value / errors.value >= EXPLAINED_MIN
    if half:
        return True if moved.clear else None
    return False if moved.plus(errors).clear else None


def _chemistry(since: Sequence[Judged], before: Sequence[Judged]) -> _Chemistry:
    ranks = [pair.rank for pair in since if pair.rank is not None]
    earlier = [pair.rank for pair in before if pair.rank is not None]
    if len(ranks) < SINCE_PAIRS_MIN or len(earlier) < BEFORE_PAIRS_MIN:
        return _by_values(since, before)
    far, far_before = _outside(ranks), _outside(earlier)
    share, share_before = far / len(ranks), far_before / len(earlier)
    if _more(far, len(ranks), far_before, len(earlier)) > P_VALUE_MAX:
        return _Chemistry(
            False, f"{share:.0%} of the molecules are outside the domain as before", placed=True
        )
    text = f"{share:.0%} of the molecules are outside the model's domain, {share_before:.0%} before"
    changed, how = _carried_by_outside(since, before, share)
    return _Chemistry(changed, f"{text}, and {how}", placed=True)


def _carried_by_outside(
    since: Sequence[Judged], before: Sequence[Judged], share: float
) -> tuple[bool | None, str]:
    """Return whether the molecules outside the domain carry the shift; None: cannot be told."""
    inside = _errors(since, WELL_INSIDE_RANK)
    outside = _errors(since, 0.0, OUTSIDE_RANK)
    if len(inside) < max(SINCE_PAIRS_MIN, WELL_INSIDE_MIN_PART * len(since)):
        # Those few may be foreign ones that came to lie there.
        few = "too few are well inside it to compare"
        return (True, few) if share >= EXPLAINED_MIN else (None, few)
    far = mean_shift(outside, [pair.error for pair in before])
    near = mean_shift(inside, _errors(before, WELL_INSIDE_RANK))
    apart = mean_shift(inside, outside)
    if far is None or near is None or apart is None:
        return None, "too few errors are known to compare them"
    if not far.clear:
        return False, f"they err as those before, {far}"
    if near.value / far.value < EXPLAINED_MIN:
        if apart.clear:
            return True, f"those well inside it err as before, {near}"
    elif near.clear:
        return False, f"those well inside it err like them, {near}"
    return None, f"whether those well inside it err like them cannot be told, {near}"


def _errors(pairs: Sequence[Judged], low: float, high: float = math.inf) -> list[float]:
    """Return the errors of the pairs whose rank is known, at least `low` and below `high`."""
    return [pair.error for pair in pairs if pair.rank is not None and low <= pair.rank < high]


def _outside(ranks: Sequence[float]) -> int:
    return sum(rank < OUTSIDE_RANK for rank in ranks)


def _more(hits: int, n: int, hits_before: int, n_before: int) -> float:
    """Return the p-value of a part being no larger than before (Fisher's exact test)."""
    from scipy.stats import hypergeom  # slow to import

    return float(hypergeom.sf(hits - 1, n + n_before, hits + hits_before, n))


def _by_values(since: Sequence[Judged], before: Sequence[Judged]) -> _Chemistry:
    """Tell a change of chemistry by predictions and outcomes that moved together."""
    p = [
        _moved([pair[column] for pair in since], [pair[column] for pair in before])
        for column in (2, 3)
    ]
    predicted, measured = p
    if predicted is None or measured is None:
        return _Chemistry(None, "whether the molecules changed is not known (no features)")
    if predicted * measured > 0:
        way = "up" if predicted > 0 else "down"
        return _Chemistry(
            True, f"predictions and outcomes both moved {way}: other molecules (no features known)"
        )
    return _Chemistry(
        False, "predictions and outcomes did not move together (no features are known)"
    )


def _moved(since: Sequence[float | None], before: Sequence[float | None]) -> int | None:
    """Return 1 or -1 for values that moved up or down, 0 for none, None for too few."""
    from scipy.stats import mannwhitneyu  # slow to import

    now = [value for value in since if value is not None and math.isfinite(value)]
    earlier = [value for value in before if value is not None and math.isfinite(value)]
    if len(now) < SINCE_PAIRS_MIN or len(earlier) < BEFORE_PAIRS_MIN:
        return None
    found = mannwhitneyu(now, earlier, alternative="two-sided")
    if not found.pvalue <= P_VALUE_MAX:
        return 0
    return 1 if found.statistic > len(now) * len(earlier) / 2 else -1
