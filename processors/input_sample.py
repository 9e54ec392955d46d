"""One input of a model version, such as a feature: its pinned reference and its window.

What results of a run have in common makes both worth fewer results: the intraclass correlation of
the input says by how much. References: those of `processors.two_sample`; L. Kish (1965), Survey
Sampling, chapter 8 (runs of unequal sizes).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from processors.run_moments import RunMoments
from processors.two_sample import Comparison, chi_squared, kolmogorov_smirnov, mann_whitney

# Categories with a smaller share of the reference are taken together: of a window of 50 five are
# expected, which the chi-squared limit needs.
SHARE_MIN, EXPECTED_MIN = 0.1, 5
# A category is known by so many of its characters; all of a reference then fit a record.
KIND_CHARACTERS = 50
# Below it there is hardly a measure of how much runs differ.
RUNS_MIN = 3
# Above this p-value numbers have moved neither up nor down, but changed otherwise.
DIRECTION_P_VALUE_MAX = 0.05


class InputReference(NamedTuple):
    """What later values are held against: numbers, or the first categories in their order.

    Once `pinned` it does not change: `numbers` are ascending; `kinds` are the categories that are
    told apart, commonest first, `counts` how often each was there, all others last. `run_size` is
    the mean size of the run that a value is in.
    """

    categorical: bool
    pinned: bool = False
    numbers: tuple[float, ...] = ()
    kinds: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    run_size: float = 1.0


class InputWindow(NamedTuple):
    """What is collected: values with the codes of their runs, the first one's time, and moments.

    Values are numbers, or the place of their category among the reference's. `moments` are
    one for numbers, or one for each category.
    """

    values: tuple[float, ...] = ()
    runs: tuple[int, ...] = ()
    since: int | None = None
    moments: tuple[RunMoments, ...] = ()
    drifting: bool = False


class InputState(NamedTuple):
    """All that is needed to go on; the reference changes only until it is pinned."""

    reference: InputReference
    window: InputWindow = InputWindow()


class InputSample:
    """Collects values of one input, first a reference and then one window after the other.

    >>> sample = InputSample(InputState(InputReference(categorical=False)), reference_values=20)
    >>> for i in range(20): sample.add(float(i), run=i % 5, at=i)
    >>> for i in range(20): sample.add(float(i) + 15, run=i % 5, at=100 + i)
    >>> sample.testable(20), sample.compare().p_value < 1e-3, sample.direction(), sample.since
    (True, True, 'higher', 100)
    """

    def __init__(self, state: InputState, reference_values: int = 200) -> None:
        self._reference, window = state
        self._reference_values = reference_values
        self._numbers, self._kinds = list(state.reference.numbers), list(state.reference.kinds)
        self._places = {kind: place for place, kind in enumerate(self._kinds)}
        self._values, self._runs = list(window.values), list(window.runs)
        self.since, self.drifting = window.since, window.drifting
        self._moments = window.moments

    @property
    def pinned(self) -> bool:
        """Whether the reference is complete."""
        return self._reference.pinned

    @property
    def categorical(self) -> bool:
        """Whether values are categories."""
        return self._reference.categorical

    def add(self, value: float | str, run: int, at: int | None) -> None:
        """Take a value; `run` is a code of its run. A number is a category of an input of those."""
        if self._reference.pinned:
            if not self._values:
                self.since = at
            if self._reference.categorical:
                kind = str(value)[:KIND_CHARACTERS]
                value = float(self._places.get(kind, len(self._places)))
            self._values.append(float(value))
            self._runs.append(run)
            return
        self._runs.append(run)
        if self._reference.categorical:
            self._kinds.append(str(value)[:KIND_CHARACTERS])
        else:
            self._numbers.append(float(value))
        if len(self._runs) >= self._reference_values:
            self._pin()

    def _pin(self) -> None:
        codes: list[float] = self._numbers
        counts: tuple[int, ...] = ()
        if self._reference.categorical:
            kinds = _told_apart(self._kinds)
            self._places = {kind: place for place, kind in enumerate(kinds)}
            codes = [float(self._places.get(kind, len(kinds))) for kind in self._kinds]
            held = Counter(codes)
            counts = tuple(held[place] for place in range(len(kinds) + 1))
            self._kinds = kinds
        self._moments = self._moments_of(codes)
        self._numbers = sorted(self._numbers)
        self._reference = InputReference(
            self._reference.categorical,
            True,
            tuple(self._numbers),
            tuple(self._kinds),
            counts,
            _run_size(self._runs),
        )
        self._runs = []

    def _moments_of(self, values: Sequence[float]) -> tuple[RunMoments, ...]:
        """Return the moments of values whose runs are at hand: of numbers, or of each category."""
        if not self._reference.categorical:
            return (_moments(values, self._runs),)
        return tuple(
            _moments([float(value == place) for value in values], self._runs)
            for place in range(len(self._places) + 1)
        )

    def testable(self, window_values: int) -> bool:
        """Whether the window is full and enough is known of how runs differ.

        Where the latter is missing a full window goes to what is known, untested.
        """
        if not self.pinned or len(self._values) < window_values:
            return False
        if self._moments[0].runs >= RUNS_MIN:
            return True
        self.close(drifting=False)
        return False

    def compare(self) -> Comparison:
        """Return what the test of the window against the reference says, runs taken into account.

        Numbers: Kolmogorov-Smirnov; categories: chi-squared, or Fisher's exact test where the
        reference knows one category.
        """
        effect, freedom = self._design_effect()
        if not self._reference.categorical:
            found = kolmogorov_smirnov.compare(self._reference.numbers, self._values, effect)
        else:
            found = _compare_kinds(*self._counts(), effect)
        if found.p_value is None or freedom is None:
            return found
        return found._replace(p_value=_unsure(found.p_value, freedom))

    def _counts(self) -> tuple[list[int], list[int]]:
        held = Counter(self._values)
        return list(self._reference.counts), [held[i] for i in range(len(self._places) + 1)]

    def _design_effect(self) -> tuple[float, float | None]:
        """Return the design effect, and to how many degrees of freedom it is known (None: well)."""
        first = self._moments[0]
        together = RunMoments(
            first.results,
            first.runs,
            0.0,
            math.fsum(each.between for each in self._moments),
            math.fsum(each.within for each in self._moments),
            first.within_freedom,
        )
        baseline = together.baseline()
        correlation = baseline.intraclass_correlation if baseline is not None else 0.0
        if baseline is None or correlation <= 0:
            return 1.0, None
        n, m = sum(self._reference.counts) or len(self._reference.numbers), len(self._values)
        excess = (self._reference.run_size - 1) / n + (_run_size(self._runs) - 1) / m
        effect = 1 + correlation * excess / (1 / n + 1 / m)
        if effect <= 1:
            return 1.0, None
        return effect, baseline.between_freedom * (effect / (effect - 1)) ** 2

    def direction(self) -> str:
        """Say where the window went: higher, lower, spread, or more of which category."""
        if not self._reference.categorical:
            moved = mann_whitney.compare(self._reference.numbers, self._values)
            if moved.p_value is None or moved.p_value > DIRECTION_P_VALUE_MAX:
                return "spread"
            pairs = len(self._reference.numbers) * len(self._values)
            return "higher" if (moved.statistic or 0.0) > pairs / 2 else "lower"
        before, now = self._counts()
        gains = [n / sum(now) - b / sum(before) for b, n in zip(before, now, strict=True)]
        most = gains.index(max(gains))
        return f"more {self._reference.kinds[most]}" if most < len(self._places) else "more others"

    def close(self, drifting: bool) -> None:
        """End the window; it tells how runs differ unless it drifts."""
        if not drifting:
            found = self._moments_of(self._values)
            self._moments = tuple(a.merged(b) for a, b in zip(self._moments, found, strict=True))
        self.drifting = drifting
        self._values, self._runs, self.since = [], [], None

    def state(self) -> InputState:
        """Return all that is needed to go on."""
        reference = self._reference
        if not reference.pinned:
            reference = reference._replace(numbers=tuple(self._numbers), kinds=tuple(self._kinds))
        window = InputWindow(
            tuple(self._values), tuple(self._runs), self.since, self._moments, self.drifting
        )
        return InputState(reference, window)


def _told_apart(kinds: Sequence[str]) -> list[str]:
    """Return the categories common enough to be told apart, the commonest first."""
    held = Counter(kinds)
    common = [(-held[kind], kind) for kind in held if held[kind] >= SHARE_MIN * len(kinds)]
    return [kind for _, kind in sorted(common)]


def _moments(values: Sequence[float], runs: Sequence[int]) -> RunMoments:
    by_run: dict[int, list[float]] = {}
    for value, run in zip(values, runs, strict=True):
        by_run.setdefault(run, []).append(value)
    found = RunMoments()
    for held in by_run.values():
        mean = math.fsum(held) / len(held)
        squares = math.fsum((value - mean) ** 2 for value in held)
        found = found.with_run(len(held), mean, squares)
    return found


def _run_size(runs: Iterable[int]) -> float:
    sizes = Counter(runs).values()
    return sum(size * size for size in sizes) / sum(sizes) if sizes else 1.0


def _compare_kinds(before: list[int], now: list[int], design_effect: float) -> Comparison:
    """Compare counts of categories, whose last are all others.

    Few others would rule the chi-squared statistic. They are then counted with the rarest category,
    and held against all others by Fisher's exact test; the smaller p-value counts twice.
    """
    expected = (before[-1] + now[-1]) * sum(now) / (sum(before) + sum(now))
    if len(before) > 1 and not before[-1] + now[-1]:
        before, now = before[:-1], now[:-1]
    elif len(before) > 1 and expected < EXPECTED_MIN:
        others = _exact(before, now, design_effect)
        if len(before) == 2:
            return Comparison(float(now[-1]), others)
        before = [*before[:-2], before[-2] + before[-1]]
        now = [*now[:-2], now[-2] + now[-1]]
        known = chi_squared.compare_counts(before, now, design_effect)
        return known._replace(p_value=min(1.0, 2 * min(known.p_value or 0.0, others)))
    return chi_squared.compare_counts(before, now, design_effect)


def _exact(before: list[int], now: list[int], design_effect: float) -> float:
    """Return Fisher's p-value of the last category against all others, of as many as are worth."""
    from scipy.stats import fisher_exact  # slow to import

    table = [[sum(counts[:-1]), counts[-1]] for counts in (before, now)]
    return float(fisher_exact(np.rint(np.array(table) / design_effect).astype(np.int64)).pvalue)


def _unsure(p_value: float, freedom: float) -> float:
    """Return what a normal statistic's p-value is when its variance is an estimate: Student's."""
    if not 0.0 < p_value < 1.0:
        return p_value
    from scipy.special import ndtri, stdtr  # slow to import

    return float(2 * stdtr(freedom, float(ndtri(p_value / 2))))
