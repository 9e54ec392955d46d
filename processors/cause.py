"""Which factor levels explain a change, if any does.

A level explains a change when its results moved with the change and the others' did not, or moved
less. Levels that hold the same results cannot be told apart and are reported as tied.
"""

from collections.abc import Sequence
from itertools import compress

import numpy as np

from processors.causes.answer import NO_CAUSE, Cause, Effect, Finding, Level
from processors.causes.candidates import EVERYTHING, LEVEL_RESULTS_MIN, Candidates
from processors.causes.moves import Moves
from processors.causes.results import (
    Results,
    affected,
    holds,
    in_baseline_sd,
    normal_scores,
    tabulated,
)
from processors.causes.search import Found
from processors.series import Scored

__all__ = ["NO_CAUSE", "Cause", "Effect", "Finding", "Level", "explain", "holds"]

NO_LEVEL_MOVED = "no level moved unlike the others"


def explain(since: Sequence[Scored], before: Sequence[Scored]) -> Cause:
    """Return the factor levels that explain why `since` differs from `before`.

    Both are scored pairs of one model and assay, split at the change, in any order. Factors are the
    context fields, the model version, and the run: the results of one instrument on one UTC day.
    A level with a past is held against that past as far as levels are known to differ, so that one
    which always read off is no cause; all are held against the others since. Several causes are
    each judged beside the others. Tests are of normal scores, with runs as a random effect.

    >>> def at(lot, error):
    ...     return Scored("1", 0, (lot, None, None, None), error, 0.0, None, None, None, "CCO")
    >>> good = [at(f"L{i % 2}", i % 7 / 3) for i in range(60)]
    >>> cause = explain(good[:30] + [at("L9", 3 + i / 10) for i in range(15)], good)
    >>> cause.level, cause.affected.molecule_ids
    (('reagent_batch', 'L9'), ('CCO',))
    >>> explain(good, good).reason
    'no level moved unlike the others'
    """
    results = tabulated(since, before)
    reason = _nothing_to_say(results)
    if reason is not None:
        return Cause((), (), affected(results.records[results.before :]), (), reason)
    candidates = Candidates(results)
    if not candidates.levels.size and not candidates.taking_over.size:
        reason = f"no level has {LEVEL_RESULTS_MIN} results and {LEVEL_RESULTS_MIN} others beside"
        return Cause((), (), affected(results.records[results.before :]), (), reason)
    side = candidates.side(normal_scores(results.errors))
    found = Found(candidates, side)
    found.search()
    return _Answer(candidates, found).cause()


def _nothing_to_say(results: Results) -> str | None:
    """Return why no level can be judged, or None when some may."""
    if not results.since:
        return NO_CAUSE.reason
    if results.since < LEVEL_RESULTS_MIN:
        return f"there are fewer than {LEVEL_RESULTS_MIN} results since the change"
    if float(np.ptp(results.errors)) == 0:
        return "all results read alike"
    return None


class _Answer:
    """Puts what was found into names and baseline standard deviations."""

    def __init__(self, candidates: Candidates, found: Found) -> None:
        self._candidates, self._found = candidates, found
        self._results = candidates.results
        sizes = in_baseline_sd(self._results.errors, self._results.before)
        self._sizes = None if sizes is None else candidates.side(sizes)

    def cause(self) -> Cause:
        """Return the whole answer."""
        groups, tested = self._found.groups, self._found.tested
        effects = self._effects()
        taken = self._effects_of_all()
        levels = [self._candidates.levels[group].tolist() for group in groups]
        ranked = [
            (tested.p_values[group[0]], tuple(effects[place] for place in group), own)
            for group, own in zip(groups, levels, strict=True)
        ]
        if self._found.took_over:
            ranked.append((tested.took_over_p, taken, self._candidates.taking_over.tolist()))
        ranked.sort(key=lambda one: one[0])
        findings = tuple(Finding(own, affected(self._made_at(at))) for _, own, at in ranked)
        named = [level for _, _, at in ranked for level in at]
        return Cause(
            findings=findings,
            effects=tuple(sorted([*effects, *taken], key=lambda effect: effect.p_value)),
            affected=affected(self._made_at(named) if named else self._since),
            aliased=self._aliased(),
            reason=None if named else NO_LEVEL_MOVED,
        )

    @property
    def _since(self) -> list[Scored]:
        return self._results.records[self._results.before :]

    def _aliased(self) -> tuple[tuple[Level, ...], ...]:
        numbers = self._candidates.levels
        groups = [numbers[group].tolist() for group in self._candidates.aliased()]
        groups.append(self._candidates.taking_over.tolist())
        levels = self._results.levels
        return tuple(tuple(levels[n] for n in group) for group in groups if len(group) > 1)

    def _made_at(self, levels: list[int]) -> list[Scored]:
        codes = self._results.codes[self._results.before :]
        held = np.isin(codes, levels).sum(axis=1)
        return list(compress(self._since, held.tolist()))

    def _effects(self) -> list[Effect]:
        """Return the effect of each level beside the causes that it is no part of."""
        candidates, sizes = self._candidates, self._sizes
        number = candidates.levels.size
        members = {place for group in self._found.groups for place in group}
        rest = None
        if sizes is not None:
            rest = candidates.moves(sizes, range(number), self._found.beside())
        found = []
        for place in range(number):
            moves, column = rest, place
            if sizes is not None and place in members:
                moves, column = candidates.moves(sizes, [place], self._found.beside(place)), 0
            found.append(self._effect(place, moves, column))
        return found

    def _effect(self, place: int, moves: Moves | None, column: int) -> Effect:
        tested = self._found.tested
        return Effect(
            self._results.levels[self._candidates.levels[place]],
            *_sized(moves, column),
            n=int(self._candidates.counts[place]),
            p_value=float(tested.p_values[place]),
            adjusted_p=float(tested.adjusted[place]),
        )

    def _effects_of_all(self) -> tuple[Effect, ...]:
        """Return the effects of the levels that took over with the change: those of all since."""
        candidates, tested = self._candidates, self._found.tested
        if not candidates.taking_over.size:
            return ()
        moves = None
        if self._sizes is not None:
            beside = [place for place in self._found.beside() if place != EVERYTHING]
            moves = candidates.moves(self._sizes, [EVERYTHING], beside)
        counts = self._results.counts(self._results.codes[self._results.before :])
        return tuple(
            Effect(
                self._results.levels[level],
                *_sized(moves, 0),
                n=int(counts[level]),
                p_value=tested.took_over_p,
                adjusted_p=tested.took_over_adjusted,
            )
            for level in candidates.taking_over
        )


def _sized(moves: Moves | None, column: int) -> tuple[float | None, float | None, float | None]:
    """Return a size with its interval, all None where there is no scale or too little to tell."""
    if moves is None or not moves.judged[column]:
        return None, None, None
    return float(moves.effects[column]), *moves.interval(column)
