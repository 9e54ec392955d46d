"""When a change began, from the results themselves and not from the order in which they came."""

from collections.abc import Iterator, Sequence

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
# A second level tells of the beginning, too, when the two explain so much more: three SD, squared.
SECOND_GAIN_MIN = 9.0
# A new level whose first result is so nearly the likeliest beginning is where the change began:
# twice the logarithm of 20.
NEW_LEVEL_EVIDENCE = 6.0
# A level with fewer results in the first half has no reading of its own there.
PAST_RESULTS_MIN = 10


def onset(records: Sequence[Scored]) -> int | None:
    """Return the measured_at of the first result of the strongest change, or None for none.

    `records` are scored pairs of one model and assay in the order of their times. All results, or
    those of one level, are held from each of their times on against all others, by normal scores
    with runs as a random effect, and the strongest difference counts; where two levels moved, that
    of both. What levels read in the first half of the records is taken out. Reference: D. M.
    Hawkins (1977), Testing a sequence of observations for a shift in location, JASA 72, 180-186.

    >>> lot = ("L1", None, None, None)
    >>> def at(time, error): return Scored("1", time * 10**11, lot, error, 0.0, None, None, None)
    >>> good = [at(t, t % 7 - 3.0) for t in range(60)]
    >>> onset(good + [at(60 + t, t % 7 + 9.0) for t in range(20)]) == good[0].at + 60 * 10**11
    True
    >>> onset(good) is None
    True
    """
    results = tabulated([record for record in records if record.at is not None], [])
    if len(results.records) < BEFORE_RESULTS_MIN + AFTER_RESULTS_MIN:
        return None
    scan = _Scan(results)
    looks = list(scan.looks(scan.scores))
    strongest = max(looks, key=lambda look: look.strongest, default=None)
    if strongest is None or strongest.strongest <= STRENGTH_MIN:
        return None
    # A level that came about then is when the change began, and not where chance puts it.
    new = [look for look in looks if look.is_new]
    begun = max(new, key=lambda look: look.since_first, default=strongest)
    if begun.is_new and begun.since_first**2 >= strongest.strongest**2 - NEW_LEVEL_EVIDENCE:
        first = int(begun.rows[-1])
    else:
        first = scan.first(strongest)
    return results.records[first].at


class _Look:
    """One level, or all results (`level` None), held from each of its times on against all others.

    `rows` are those of its results, the newest first; `strengths` are the standardised differences
    of its newest k, from k = 5 on; `is_new` tells whether others had been made before its first.
    """

    def __init__(self, level: int | None, rows: Codes, strengths: Numbers, is_new: bool) -> None:
        self.level, self.rows, self.strengths, self.is_new = level, rows, strengths, is_new
        self.strongest = float(strengths.max())
        self.since_first = float(strengths[-1])

    @property
    def moved(self) -> Codes:
        """The rows since the strongest difference, the newest first."""
        return self.rows[: int(self.strengths.argmax()) + AFTER_RESULTS_MIN]

    def told(self, total: int) -> Numbers:
        """Return the squared strength of its results since each of `total` rows, 0 for too few."""
        number = self.rows.size - np.searchsorted(self.rows[::-1], np.arange(total))
        known = number >= AFTER_RESULTS_MIN
        strengths = self.strengths[np.where(known, number - AFTER_RESULTS_MIN, 0)]
        told: Numbers = np.where(known, strengths, 0.0) ** 2
        return told


class _Scan:
    """The looks at all results and at each of their levels."""

    def __init__(self, results: Results) -> None:
        self._results = results
        scores, self._known = _freed(results, normal_scores(results.errors))
        self.scores: Numbers = scores - scores.mean()
        self._within, self._between = _variances(self.scores, results.runs)
        self._rows: list[tuple[int | None, Codes]] = [(None, np.arange(scores.size))]
        for codes in results.codes[:, :RUN].T:
            levels = np.unique(codes[codes >= 0]).tolist()
            self._rows += [(level, np.flatnonzero(codes == level)) for level in levels]

    def looks(self, scores: Numbers) -> Iterator[_Look]:
        """Yield the look at all results, then those at each level with enough of them."""
        for level, rows in self._rows:
            is_new = level is not None and bool(rows[0] >= BEFORE_RESULTS_MIN)
            newest = rows[rows >= BEFORE_RESULTS_MIN][::-1]
            if newest.size >= AFTER_RESULTS_MIN:
                yield _Look(level, newest, self._strengths(level, scores, newest), is_new)

    def first(self, strongest: _Look) -> int:
        """Return the first row of a change, by the strongest look and a second that moved, too."""
        if strongest.level is None:
            return int(strongest.moved[-1])
        rest = self.scores.copy()
        rest[strongest.moved] -= rest[strongest.moved].mean()
        others = self.looks(rest - rest.mean())
        own = strongest.told(rest.size)
        rows, told, most = strongest.rows, own, float(own.max()) + SECOND_GAIN_MIN
        for other in others:
            both = own + other.told(rest.size)
            if other.level not in (None, strongest.level) and both.max() > most:
                rows, told, most = np.append(strongest.rows, other.rows), both, float(both.max())
        return int(rows[rows >= told.argmax()].min())

    def _strengths(self, level: int | None, scores: Numbers, rows: Codes) -> Numbers:
        """Return the standardised differences of the newest k scores from all others, from k = 5.

        `rows` are the newest first.
        """
        number = np.arange(1, rows.size + 1)
        runs = self._results.runs[rows]
        order = np.argsort(runs, kind="stable")
        starts = np.flatnonzero(np.diff(runs[order], prepend=-1))
        sizes = np.diff(np.append(starts, rows.size))
        seen = np.empty(rows.size)
        seen[order] = np.arange(rows.size) - np.repeat(starts, sizes)
        squares = np.cumsum(2 * seen + 1)
        spread = self._within * number + self._between * squares
        known = 0.0 if level is None else float(self._known[level])
        variance = spread * (1 - number / scores.size) + known * number**2
        sums = np.abs(np.cumsum(scores[rows]))
        some = variance > 0
        strengths: Numbers = np.where(some, sums / np.sqrt(np.where(some, variance, 1.0)), 0.0)
        return strengths[AFTER_RESULTS_MIN - 1 :]


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
