"""The search for causes: the strongest, then what is left beside it; who cannot be told from whom.

Levels are places in `Candidates.levels`. A level is judged against all other results, those before
the change included, and must then explain far more than that everything moved alike. Where it does
not, what everything moved is taken out, and levels are judged by what they moved beyond it.
Reference: R. E. Kass, A. E. Raftery (1995), JASA 90, 773-795, for the strength of evidence.
"""

from typing import NamedTuple

import numpy as np

from processors.causes.candidates import EVERYTHING, TIED_OVERLAP_MIN, Candidates, Side
from processors.causes.moves import Moves
from processors.causes.results import RUN, Flags, Numbers
from processors.false_discovery import benjamini_hochberg

# Most causes that are named of one change.
CAUSES_MAX = 3
ADJUSTED_P_MAX = 0.05
# Beside a move of everything: levels have been judged once already.
BEYOND_P_MAX = 0.01
# A level must be so much likelier than a move of everything; twice the logarithm of 20: strong.
EVIDENCE_MIN = 6.0
# A first level that a move of everything outdoes by so much is not followed up, to save the time.
HOPELESS_MIN = 15.0
# Levels that share this part of their results may be one cause in two names, unless the results
# that they do not share tell them apart; so surely where they share TIED_OVERLAP_MIN.
NEAR_OVERLAP_MIN = 0.5
NEAR_APART_P_MAX = 0.01
TIED_APART_P_MAX = 1e-6
# A run is held by the levels that have this part of it.
RUN_HELD_MIN = 0.9
# A run is a cause when it stands out from the rest of each level that holds it.
RUN_APART_P_MAX = 0.05
# Runs are many and seldom the cause: they get a fifth of the chance that a level has.
RUN_PENALTY = 5.0


class Tested(NamedTuple):
    """What is known of all levels, each beside the causes that it is no part of.

    `namable` are those that moved themselves; the last two are of the levels that took over with
    the change, which share one test, and 1 when none did.
    """

    p_values: Numbers
    adjusted: Numbers
    namable: Flags
    took_over_p: float
    took_over_adjusted: float


class Found:
    """The causes, each one level or several that are tied; and all tests.

    `all_moved` says whether a move of everything was taken out first.
    """

    def __init__(self, candidates: Candidates, side: Side) -> None:
        self._candidates, self._side = candidates, side
        self.groups: list[list[int]] = []
        self.all_moved = False
        self.tested = self._tested()

    @property
    def took_over(self) -> bool:
        """Whether the levels that took over with the change are a cause."""
        return self.tested.took_over_adjusted <= ADJUSTED_P_MAX

    def beside(self, place: int | None = None) -> list[int]:
        """Return what a level is judged beside: the first level of each cause it is no part of."""
        leaders = [group[0] for group in self.groups if place not in group]
        return [*leaders, EVERYTHING] if self.all_moved else leaders

    def _tested(self) -> Tested:
        candidates = self._candidates
        beside = self.beside()
        p_values = candidates.moves(self._side, range(candidates.levels.size), beside).p_values
        lead = candidates.lead(self._side, beside)
        for place in (place for group in self.groups for place in group):
            p_values[place] = self._alone(place).p_values[0]
            lead[place] = np.inf
        number = candidates.taking_over.size
        took_over_p = 1.0
        if number:
            leaders = [place for place in beside if place != EVERYTHING]
            took_over_p = float(candidates.moves(self._side, [EVERYTHING], leaders).p_values[0])
        family = np.ones(lead.size, bool)
        twins = candidates.twins() if self.all_moved or not candidates.has_past else []
        for first, second in twins:
            family[first if lead[first] < lead[second] else second] = False
        adjusted, took_over_adjusted = self._adjusted(p_values, family, [took_over_p] * number)
        for first, second in twins:
            adjusted[[first, second]] = adjusted[first if family[first] else second]
        namable = family & (lead > 0)
        return Tested(p_values, adjusted, namable, took_over_p, took_over_adjusted)

    def _adjusted(
        self, p_values: Numbers, family: Flags, took_over: list[float]
    ) -> tuple[Numbers, float]:
        """Return the adjusted p-values of the levels, and of those that took over, 1 for none."""
        of_runs = self._candidates.factors == RUN
        adjusted = p_values.copy()
        levels, runs = family & ~of_runs, family & of_runs
        found = benjamini_hochberg([*p_values[levels].tolist(), *took_over])
        adjusted[levels] = found[: np.count_nonzero(levels)]
        found_of_runs = benjamini_hochberg(p_values[runs].tolist())
        adjusted[runs] = [min(1.0, RUN_PENALTY * p_value) for p_value in found_of_runs]
        return adjusted, found[-1] if took_over else 1.0

    def _alone(self, place: int) -> Moves:
        return self._candidates.moves(self._side, [place], self.beside(place))

    def search(self) -> None:
        """Find the causes, the strongest first."""
        limit = ADJUSTED_P_MAX
        first = self._strongest(limit)
        if first is not None and self._evidence(first) < -HOPELESS_MIN:
            self.all_moved, limit = True, BEYOND_P_MAX
            self._say([])
        while True:
            kept = [group for group in self.groups if self.tested.adjusted[group[0]] <= limit]
            # What one of them stood for may be others': it is not looked at again.
            dropped = len(kept) < len(self.groups)
            if dropped:
                self._say(kept)
            best = None
            if not dropped and len(self.groups) < CAUSES_MAX:
                best = self._strongest(limit)
            if best is not None:
                self._say([*self.groups, [best]])
                continue
            weakest = None if self.all_moved else self._no_better_than_everything()
            if weakest is None:
                break
            self.all_moved, limit = True, BEYOND_P_MAX
            self._say([group for group in self.groups if group != [weakest]])
        groups = [[group[0], *self._tied_with(group[0])] for group in self.groups]
        if groups != self.groups:
            self._say(groups)
        self.groups.sort(key=lambda group: self.tested.p_values[group[0]])

    def _say(self, groups: list[list[int]]) -> None:
        self.groups = groups
        self.tested = self._tested()

    def _no_better_than_everything(self) -> int | None:
        """Return the cause that a move of everything explains best, if not far worse, or None."""
        weakest, least = None, EVIDENCE_MIN
        for (place,) in self.groups:
            evidence = self._evidence(place)
            if evidence < least:
                weakest, least = place, evidence
        return weakest

    def _evidence(self, place: int) -> float:
        """Return by how much a level explains more than a move of everything would."""
        beside = self.beside(place)
        own, all_of_it = (
            self._candidates.moves(self._side, [p], beside) for p in (place, EVERYTHING)
        )
        return float(own.strengths[0] - all_of_it.strengths[0])

    def _strongest(self, limit: float) -> int | None:
        """Return the level that explains most of what the causes do not, or None for none."""
        candidates, tested = self._candidates, self.tested
        may = tested.namable & (tested.adjusted <= limit)
        may[[place for group in self.groups for place in group]] = False
        for place in np.flatnonzero(may)[np.argsort(tested.p_values[may], kind="stable")].tolist():
            if candidates.factors[place] != RUN:
                return int(place)
            holding = candidates.shared[place] >= RUN_HELD_MIN * candidates.counts[place]
            rivals = np.flatnonzero(holding & may & (candidates.factors != RUN)).tolist()
            # A level whose results all moved, or are all of that run, says it better.
            if all(self._apart(place, rival) <= RUN_APART_P_MAX for rival in rivals):
                return int(place)
        return None

    def _apart(self, place: int, rival: int) -> float:
        """Return the p-value of a level being no cause beside a rival."""
        beside = [*self.beside(place), rival]
        return float(self._candidates.moves(self._side, [place], beside).p_values[0])

    def _tied_with(self, leader: int) -> list[int]:
        """Return the levels of other factors that explain what a cause does as well as it."""
        candidates = self._candidates
        others = self.beside(leader)
        overlap = candidates.overlap(leader)
        near = (overlap >= NEAR_OVERLAP_MIN) & (candidates.factors != RUN)
        near &= candidates.factors != candidates.factors[leader]
        near[[place for place in others if place != EVERYTHING]] = False
        places = np.flatnonzero(near).tolist()
        if not places:
            return []
        alone = candidates.moves(self._side, places, others).p_values.tolist()
        tied = []
        for place, p_value in zip(places, alone, strict=True):
            apart = self._apart(leader, place)
            as_well = p_value <= ADJUSTED_P_MAX and apart > NEAR_APART_P_MAX
            if as_well or (overlap[place] >= TIED_OVERLAP_MIN and apart > TIED_APART_P_MAX):
                tied.append(place)
        return tied
