"""The levels that may explain a change, and how far each moved with it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from processors.causes.moves import Design, Moves, Past, past_of
from processors.causes.results import FACTORS, RUN, Codes, Flags, Numbers, Results
from processors.causes.standing import standing

# Fewer results than this on either side cannot tell a level from its peers.
LEVEL_RESULTS_MIN = 5
# A level with fewer results before the change, and few beside those since, is new.
PAST_RESULTS_MIN = 10
PAST_SHARE_MIN = 1 / 3
# A new level that made this part of all since took over with the change.
TAKEN_OVER_MIN = 0.9
# Levels that share this part of their results since are aliased.
TIED_OVERLAP_MIN = 0.8
# The place of all results since the change, as if they were those of one level.
EVERYTHING = -1


class Side(NamedTuple):
    """Values freed of standing differences: what counts of those before, and those since.

    `variance` is that of each level's difference, `standing` (results since x levels that have one,
    0 or 1) which results were freed of which.
    """

    past: Past
    since: Numbers
    standing: Numbers
    variance: Numbers


def _indicators(codes: Codes, levels: Codes, number: int) -> Numbers:
    """Return a column of 0 and 1 for each of `levels`, out of `number`, over rows of `codes`."""
    places = np.full(number + 1, -1)
    places[levels] = np.arange(levels.size)
    found = places[codes]
    rows, fields = np.nonzero(found >= 0)
    columns = np.zeros((codes.shape[0], levels.size))
    columns[rows, found[rows, fields]] = 1.0
    return columns


def _least_p(counts: Numbers, total: int) -> Numbers:
    """Return the share of the most extreme of all permutations of `total` results, two-sided.

    A few results that agree perfectly are no certainty.
    """
    from scipy.special import gammaln  # slow to import

    ways = gammaln(total + 1) - gammaln(counts + 1) - gammaln(total - counts + 1)
    least: Numbers = np.minimum(1.0, 2 * np.exp(-ways))
    return least


class Candidates:
    """What may explain a change: levels with peers since, and new ones that took over with it.

    `levels` numbers the former as `Results.levels` does, and `taking_over` the latter; all else
    names a level by its place in `levels`. `counts` are results since the change, `shared` how many
    of these two levels share.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        before, since = np.split(results.codes, [results.before])
        counts, past = results.counts(since), results.counts(before)
        enough = np.minimum(PAST_RESULTS_MIN, np.ceil(counts * PAST_SHARE_MIN))
        self._old: Flags = past >= np.maximum(1, enough)
        peers = results.since - counts
        factors = np.array([FACTORS.index(factor) for factor, _ in results.levels], np.int64)
        enough_since = counts >= LEVEL_RESULTS_MIN
        alone = peers < max(LEVEL_RESULTS_MIN, (1 - TAKEN_OVER_MIN) * results.since)
        self.has_past = results.before >= LEVEL_RESULTS_MIN
        took_over = enough_since & alone & ~self._old & (factors != RUN) & self.has_past
        self.taking_over: Codes = np.flatnonzero(took_over)
        judged = enough_since & (peers >= LEVEL_RESULTS_MIN) & ~took_over
        self.levels: Codes = np.flatnonzero(judged)
        self.factors: Codes = factors[self.levels]
        self._before, self._since = before, since
        self._runs = results.runs[results.before :]
        columns = _indicators(since, self.levels, counts.size)
        self._columns = np.hstack([columns, np.ones((results.since, 1))])
        self.shared = columns.T @ columns
        self.counts = columns.sum(axis=0)
        self._least_p = _least_p(self._columns.sum(axis=0), len(results.records))

    def side(self, values: Numbers) -> Side:
        """Return values of all results, freed of what their levels read before the change."""
        before, since = np.split(values, [self.results.before])
        runs = self.results.runs[: before.size]
        if not self.has_past:
            none = np.zeros((since.size, 0))
            return Side(past_of(before[:0], runs[:0]), since, none, none[0])
        found = standing(before, self._before, runs, self._old)
        known = np.flatnonzero(found.variance)
        return Side(
            past_of(before - found.of(self._before), runs),
            since - found.of(self._since),
            _indicators(self._since, known, found.variance.size),
            found.variance[known],
        )

    def moves(self, side: Side, places: Sequence[int], beside: Sequence[int] = ()) -> Moves:
        """Return how far levels moved from all other results, `beside` levels that did, too.

        EVERYTHING stands for all since the change in either.
        """
        moves = Design(
            self._columns[:, list(places)],
            self._columns[:, list(beside)],
            side.past.number,
            self._runs,
            side.standing,
            side.variance,
        ).moves(side.since, side.past)
        least = self._least_p[list(places)]
        return moves._replace(p_values=np.maximum(moves.p_values, least))

    def lead(self, side: Side, beside: Sequence[int]) -> Numbers:
        """Return by how much the move of each level since before exceeds that of the others.

        Where it is negative, the others are what moved. `beside` are levels whose moves are taken
        out first. Without a past nothing speaks for either, and all are infinite.
        """
        if not self.has_past:
            return np.full(self.levels.size, np.inf)
        rest = side.since - side.past.mean
        levels = [place for place in beside if place != EVERYTHING]
        if levels:
            others = self._columns[:, [*levels, EVERYTHING]]
            slopes = np.linalg.lstsq(others, rest, rcond=None)[0]
            rest = rest - others[:, :-1] @ slopes[:-1]
        sums = self._columns[:, :EVERYTHING].T @ rest
        moved = (rest.sum() - sums) / (self.results.since - self.counts)
        lead: Numbers = np.abs(sums / self.counts) - np.abs(moved)
        return lead

    def twins(self) -> list[tuple[int, int]]:
        """Return the pairs of levels that are the only two of their factor since the change.

        Beside EVERYTHING the one says what the other says: what one moved up the other moved down.
        """
        found = []
        for factor in np.unique(self.factors):
            places = np.flatnonzero(self.factors == factor)
            if places.size == 2 and self.counts[places].sum() == self.results.since:
                found.append((int(places[0]), int(places[1])))
        return found

    def overlap(self, place: int) -> Numbers:
        """Return which part of their joint results a level shares with each: 1 if all."""
        shared = self.shared[place]
        overlap: Numbers = shared / (self.counts + self.counts[place] - shared)
        return overlap

    def aliased(self) -> list[list[int]]:
        """Return groups of levels, runs left out, that each share nearly all with their first."""
        groups: list[list[int]] = []
        left = [int(place) for place in np.flatnonzero(self.factors != RUN)]
        while left:
            near = self.overlap(left[0]) >= TIED_OVERLAP_MIN
            groups.append([place for place in left if near[place]])
            left = [place for place in left if not near[place]]
        return [group for group in groups if len(group) > 1]
