"""When a change began, from the results themselves and not from the order in which they came."""

from collections.abc import Sequence

import numpy as np

from processors.causes.results import RUN, Codes, Numbers, Results, normal_scores, tabulated
from processors.causes.spread import pooled_run_variance
from processors.causes.standing import standing
from processors.series import Scored

# Fewer results on either side say nothing of a mean.
BEFORE_RESULTS_MIN = 20
AFTER_RESULTS_MIN = 5
# Below this the largest difference of many is what chance gives.
STRENGTH_MIN = 4.0
# A new level whose first result is so nearly the likeliest beginning is where the change began:
# twice the logarithm of 20.
NEW_LEVEL_EVIDENCE = 6.0
# A level with fewer results in the first half has no reading of its own there.
PAST_RESULTS_MIN = 10


def onset(records: Sequence[Scored]) -> int | None:
    """Return the measured_at of the first result of the strongest change, or None for none.

    `records` are scored pairs of one model and assay in the order of their times. All results, or
    those of one level, are held from each of their times on against all others, by normal scores
    with runs as a random effect, and the strongest difference counts. What levels read in the first
    half of the records is taken out. Reference: D. M. Hawkins (1977), Testing a sequence of
    observations for a shift in location, JASA 72, 180-186.

    >>> lot = ("L1", None, None, None)
    >>> def at(time, error): return Scored("1", time * 10**11, lot, error, 0.0, None, None, None)
    >>> good = [at(t, t % 7 - 3.0) for t in range(60)]
    >>> onset(good + [at(60 + t, t % 7 + 9.0) for t in range(20)]) == good[0].at + 60 * 10**11
    True
    >>> onset(good) is None
    True
    """
    results = tabulated([record for record in records if record.at is not None], [])
    total = len(results.records)
    if total < BEFORE_RESULTS_MIN + AFTER_RESULTS_MIN:
        return None
    scores, variances = _freed(results, normal_scores(results.errors))
    scores = scores - scores.mean()
    within, between = _variances(scores, results.runs)
    found: list[tuple[float, int]] = []
    begun: list[tuple[float, int]] = []
    everything = np.zeros(total, np.int64)
    for codes in (everything, *(results.codes[:, f] for f in range(RUN))):
        for level in np.unique(codes[codes >= 0]):
            rows = np.flatnonzero(codes == level)
            is_new = rows[0] >= BEFORE_RESULTS_MIN
            rows = rows[rows >= BEFORE_RESULTS_MIN][::-1]
            known = 0.0 if codes is everything else float(variances[level])
            strengths = _strengths(scores[rows], results.runs[rows], total, within, between, known)
            if not strengths.size:
                continue
            place = int(np.argmax(strengths))
            found.append((float(strengths[place]), int(rows[place + AFTER_RESULTS_MIN - 1])))
            if is_new:
                begun.append((float(strengths[-1]), int(rows[-1])))
    strongest, first = max(found, default=(0.0, 0))
    if strongest <= STRENGTH_MIN:
        return None
    # A level that came about then is when the change began, and not where chance puts it.
    strength, first_of_level = max(begun, default=(0.0, 0))
    if strength**2 >= strongest**2 - NEW_LEVEL_EVIDENCE:
        first = first_of_level
    return results.records[first].at


def _freed(results: Results, scores: Numbers) -> tuple[Numbers, Numbers]:
    """Return scores without what their levels read in the first half, and its variance by level."""
    half = len(scores) // 2
    past = results.counts(results.codes[:half]) >= PAST_RESULTS_MIN
    found = standing(scores[:half], results.codes[:half], results.runs[:half], past)
    return scores - found.of(results.codes), found.variance


def _variances(scores: Numbers, runs: Codes) -> tuple[float, float]:
    """Return the variances of scores within and between runs of the first half."""
    half = scores.size // 2
    return pooled_run_variance(scores[:half] - scores[:half].mean(), runs[:half], 1)


def _strengths(
    scores: Numbers, runs: Codes, total: int, within: float, between: float, known: float
) -> Numbers:
    """Return the standardised difference of the newest k scores from all others, from k = 5 on.

    `scores` and `runs` are the newest first; `known` is the variance of what they were freed of.
    """
    number = np.arange(1, scores.size + 1)
    order = np.argsort(runs, kind="stable")
    starts = np.flatnonzero(np.diff(runs[order], prepend=-1))
    seen = np.empty(scores.size)
    sizes = np.diff(np.append(starts, scores.size))
    seen[order] = np.arange(scores.size) - np.repeat(starts, sizes)
    squares = np.cumsum(2 * seen + 1)
    variance = (within * number + between * squares) * (1 - number / total) + known * number**2
    sums = np.abs(np.cumsum(scores))
    strengths = np.where(variance > 0, sums / np.sqrt(np.where(variance > 0, variance, 1.0)), 0.0)
    kept: Numbers = strengths[AFTER_RESULTS_MIN - 1 :]
    return kept
