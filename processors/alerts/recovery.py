"""When a change is over: a full block of results that agrees with the baseline again."""

from collections.abc import Sequence
from statistics import fmean, stdev

# Blocks of so many scores do not overlap; their mean has a standard error of 0.14.
RECOVERY_PAIRS = 50
# A baseline of 50 is itself unsure by 0.14, and by more where runs differ: of a large change more
# may seem left than of a small one. If it is, the charts find it as a change of its own.
RECOVERY_SCORE_MAX, RECOVERY_SCORE_MOST = 0.25, 0.75
PART_LEFT_MAX = 0.25
# A change may be one of the spread alone; that of 50 scores has a standard error of 0.1.
RECOVERY_SPREAD_MAX, RECOVERY_SPREAD_MOST = 1.25, 1.5
# From so large a change of the mean on it is no question of the spread.
MEAN_CHANGE_MIN = 0.75


def is_over(scores: Sequence[float], effect_sd: float | None) -> bool:
    """Return whether a full block of scores shows no more of a change.

    `scores` are distances from the baseline's mean in SD; `effect_sd` is the change in the same
    unit, None when it is not known. What is left of the mean may be a quarter of the change, but
    at least RECOVERY_SCORE_MAX and at most RECOVERY_SCORE_MOST; the spread may be
    RECOVERY_SPREAD_MAX, or RECOVERY_SPREAD_MOST where the mean had changed.

    >>> good, noisy = [-1.0, 1.0] * 25, [-1.4, 1.4] * 25
    >>> is_over(good, 1.0), is_over(good[1:], 1.0), is_over(noisy, 0.1), is_over(noisy, 1.0)
    (True, False, False, True)
    >>> still = [score + 0.4 for score in good]
    >>> is_over(still, 1.0), is_over(still, -2.0)
    (False, True)
    """
    if len(scores) < RECOVERY_PAIRS:
        return False
    effect = abs(effect_sd or 0.0)
    mean_max = min(max(PART_LEFT_MAX * effect, RECOVERY_SCORE_MAX), RECOVERY_SCORE_MOST)
    spread_max = RECOVERY_SPREAD_MAX if effect < MEAN_CHANGE_MIN else RECOVERY_SPREAD_MOST
    return abs(fmean(scores)) <= mean_max and stdev(scores) <= spread_max
