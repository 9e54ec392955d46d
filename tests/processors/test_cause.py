"""The cause of a change: named, tied or none, on data whose cause is known."""

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.stats import norm, rankdata, ttest_ind

from processors.cause import Cause, explain
from processors.causes.candidates import LEVEL_RESULTS_MIN
from processors.causes.results import DAY_US, MOLECULE_IDS_MAX
from processors.series import Scored

Context = tuple[str | None, str | None, str | None, str | None]
Shift = Callable[[Context], float]
NONE: Context = (None, None, None, None)

LOTS, INSTRUMENTS, OPERATORS, PROTOCOLS = (
    ("L1", "L2", "L3"),
    ("I1", "I2"),
    ("ann", "bob"),
    ("v1", "v2"),
)


def names_nothing(cause: Cause) -> bool:
    return (cause.level, cause.tied, cause.p_value) == (None, [], None) and bool(cause.reason)


def record(error: float | None, context: Context = NONE) -> Scored:
    predicted = None if error is None else error
    return Scored("1", None, context, predicted, None if error is None else 0.0, None, None, None)


def results(seed: int, count: int, shift: Shift) -> list[Scored]:
    """Return results of a lab that uses every level all the time, errors of SD 1."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        context = (
            *(rng.choice(LOTS), rng.choice(INSTRUMENTS)),
            *(rng.choice(OPERATORS), rng.choice(PROTOCOLS)),
        )
        found.append(record(rng.gauss(0.2, 1.0) + shift(context), context))
    return found


def no_shift(context: Context) -> float:
    return 0.0


SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shift", [2.0, -2.0])
def test_the_level_that_moved_is_named(seed: int, shift: float) -> None:
    since = results(seed, 90, lambda c: shift * (c[0] == "L2"))
    cause = explain(since, results(seed + 100, 300, no_shift))
    assert (cause.level, cause.tied) == (("reagent_batch", "L2"), [])
    assert cause.p_value is not None and cause.p_value < 0.01


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shift", [2.0, -2.0])
@pytest.mark.parametrize("level", PROTOCOLS)
def test_of_two_levels_the_one_that_moved_is_named(seed: int, shift: float, level: str) -> None:
    since = results(seed, 80, lambda c: shift * (c[3] == level))
    cause = explain(since, results(seed + 100, 200, no_shift))
    assert cause.level == ("protocol_version", level)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_change_of_everything_has_no_cause(seed: int) -> None:
    since = results(seed, 90, lambda c: 2.0)
    assert names_nothing(explain(since, results(seed + 100, 200, no_shift)))


def test_no_change_has_no_cause() -> None:
    named = 0
    for seed in range(40):
        found = explain(results(seed, 60, no_shift), results(seed + 100, 200, no_shift))
        named += found.level is not None
    # Named by chance in 1 of 20: more than 6 of 40 come once in 300.
    assert named <= 6


@pytest.mark.parametrize("seed", SEEDS)
def test_levels_that_came_together_are_tied(seed: int) -> None:
    """A new lot and a new instrument on the same day: nothing can tell them apart."""

    def paired(found: Sequence[Scored]) -> list[Scored]:
        lots = {"L2": "I9"}
        return [
            r._replace(context=(r.context[0], lots.get(r.context[0] or "", "I1"), *r.context[2:]))
            for r in found
        ]

    since = paired(results(seed, 90, lambda c: 2.0 * (c[0] == "L2")))
    cause = explain(since, paired(results(seed + 100, 200, no_shift)))
    assert cause.level is None
    assert sorted(cause.tied) == [("instrument", "I9"), ("reagent_batch", "L2")]


def test_aliased_levels_are_told_of_when_they_are_no_cause() -> None:
    """Lot L9 and instrument I9 came together, and nothing changed."""
    rng = random.Random(3)
    rows = []
    for number in range(300):
        new = number >= 200 and number % 3 == 0
        context = ("L9" if new else "L1", "I9" if new else "I1", rng.choice(OPERATORS), None)
        rows.append(record(rng.gauss(0, 1), context))
    cause = explain(rows[200:], rows[:200])
    assert names_nothing(cause)
    assert (("reagent_batch", "L9"), ("instrument", "I9")) in cause.aliased


@pytest.mark.parametrize("seed", SEEDS)
def test_a_level_that_took_over_with_the_change_is_named(seed: int) -> None:
    def only(lot: str, found: Sequence[Scored]) -> list[Scored]:
        return [r._replace(context=(lot, *r.context[1:])) for r in found]

    since = only("L9", results(seed, 40, lambda c: 1.5))
    before = only("L1", results(seed + 100, 150, no_shift))
    assert explain(since, before).level == ("reagent_batch", "L9")
    assert explain(only("L1", since), before).level is None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_level_that_always_read_off_is_not_what_changed(seed: int) -> None:
    """One instrument reads 2 SD high all along; the lot is what changed."""

    def always(context: Context) -> float:
        return 2.0 * (context[1] == "I1")

    since = results(seed, 120, lambda c: always(c) + 2.0 * (c[0] == "L2"))
    cause = explain(since, results(seed + 100, 300, always))
    assert cause.level == ("reagent_batch", "L2")


def scores_of(values: Sequence[float]) -> list[float]:
    """Normal scores from scipy's ranks."""
    return norm.ppf((rankdata(values) - 0.5) / len(values)).tolist()  # type: ignore[no-any-return]


def test_without_a_past_two_levels_are_compared_by_a_t_test() -> None:
    rng = random.Random(4)
    own, peers = [rng.gauss(2, 1) for _ in range(20)], [rng.gauss(0, 1) for _ in range(30)]
    rows = [record(e, ("L2", None, None, None)) for e in own]
    rows += [record(e, ("L1", None, None, None)) for e in peers]
    (effect, other) = explain(rows, []).effects
    scores = scores_of([*own, *peers])
    oracle = ttest_ind(scores[:20], scores[20:])
    # The other level says the same: there is one test, so nothing to adjust.
    assert {effect.level, other.level} == {("reagent_batch", "L1"), ("reagent_batch", "L2")}
    assert effect.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
    assert effect.adjusted_p == pytest.approx(oracle.pvalue, rel=1e-9)
    mine = effect if effect.level[1] == "L2" else other
    sizes = ttest_ind(own, peers).confidence_interval(0.95)
    spread = float(np.std([*own, *peers], ddof=1))
    assert mine.size_sd == pytest.approx((np.mean(own) - np.mean(peers)) / spread, rel=1e-9)
    assert mine.low_sd == pytest.approx(sizes.low / spread, rel=1e-9)
    assert mine.high_sd == pytest.approx(sizes.high / spread, rel=1e-9)
    assert mine.n == 20


def test_a_level_that_took_over_is_held_against_the_past_by_welchs_test() -> None:
    rng = random.Random(5)
    own, past = [rng.gauss(1.5, 2) for _ in range(25)], [rng.gauss(0, 1) for _ in range(80)]
    cause = explain(
        [record(e, ("L2", None, None, None)) for e in own],
        [record(e, ("L1", None, None, None)) for e in past],
    )
    ((effect,),) = [finding.effects for finding in cause.findings]
    scores = scores_of([*past, *own])
    oracle = ttest_ind(scores[80:], scores[:80], equal_var=False)
    assert effect.level == ("reagent_batch", "L2")
    assert effect.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
    interval = ttest_ind(own, past, equal_var=False).confidence_interval(0.95)
    spread = float(np.std(past, ddof=1))
    assert effect.low_sd == pytest.approx(interval.low / spread, rel=1e-6)
    assert effect.high_sd == pytest.approx(interval.high / spread, rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_causes_are_both_named_each_beside_the_other(seed: int) -> None:
    since = results(seed, 160, lambda c: 1.5 * (c[0] == "L2") + 1.5 * (c[2] == "bob"))
    cause = explain(since, results(seed + 100, 300, no_shift))
    named = [finding.levels for finding in cause.findings[:2]]
    assert sorted(named) == [[("operator", "bob")], [("reagent_batch", "L2")]]
    for finding in cause.findings[:2]:
        (effect,) = finding.effects
        assert effect.low_sd is not None and effect.high_sd is not None
        assert effect.low_sd - 0.3 < 1.5 < effect.high_sd + 0.3


def test_one_bad_run_is_named_as_a_run() -> None:
    rng = random.Random(7)
    rows = []
    for number in range(480):
        context = (rng.choice(LOTS), ("I1", "I2")[number // 20 % 2], rng.choice(OPERATORS), None)
        shift = 2.0 * (number // 20 == 20)
        rows.append(record(rng.gauss(shift, 1), context)._replace(at=number // 20 * DAY_US))
    cause = explain(rows[300:], rows[:300])
    assert cause.level == ("run", "I1 1970-01-21")
    assert cause.affected.first_run == "I1 1970-01-21"


def test_a_finding_says_its_first_run_and_its_molecules() -> None:
    rng = random.Random(8)
    rows = []
    for number in range(300):
        lot = "L9" if number >= 200 and number % 3 == 0 else "L1"
        row = record(rng.gauss(3.0 * (lot == "L9"), 1), (lot, "I1", None, None))
        rows.append(row._replace(at=number * DAY_US // 10, molecule_id=f"M{number // 2}"))
    since = rows[200:]
    rng.shuffle(since)
    (finding,) = explain(since, rows[:200]).findings
    own = sorted((r for r in since if r.context[0] == "L9"), key=lambda r: r.at or 0)
    assert finding.levels == [("reagent_batch", "L9")]
    assert finding.affected.results == len(own) == 33
    # The first is number 201, which is on the 21st day, the first being 1 January.
    assert finding.affected.first_run == "I1 1970-01-21"
    assert finding.affected.first_at == own[0].at
    assert finding.affected.molecules == len({r.molecule_id for r in own}) == 33
    assert finding.affected.molecule_ids == tuple(r.molecule_id for r in own[:MOLECULE_IDS_MAX])


def test_without_a_cause_everything_since_is_affected() -> None:
    since = results(3, 60, lambda c: 2.0)
    cause = explain(since, results(103, 200, no_shift))
    assert cause.reason == "no level moved unlike the others"
    assert (cause.affected.results, cause.affected.first_run) == (60, None)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_the_results_does_not_matter(seed: int) -> None:
    since = results(seed, 90, lambda c: 1.5 * (c[0] == "L2"))
    before = results(seed + 100, 200, no_shift)
    found = explain(since, before)
    rng = random.Random(seed)
    rng.shuffle(since)
    rng.shuffle(before)
    again = explain(since, before)
    assert [f.levels for f in again.findings] == [f.levels for f in found.findings]
    p_values = {effect.level: effect.p_value for effect in found.effects}
    for effect in again.effects:
        assert effect.p_value == pytest.approx(p_values[effect.level], rel=1e-6)


@pytest.mark.parametrize("unlike", [0, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_levels_that_nearly_hold_the_same_results_are_tied(seed: int, unlike: int) -> None:
    rng = random.Random(seed)
    rows = []
    for number in range(350):
        bad = number >= 200 and number % 5 == 0
        context = (
            *("L9" if bad else rng.choice(LOTS), "I9" if bad else rng.choice(INSTRUMENTS)),
            *(rng.choice(OPERATORS), rng.choice(PROTOCOLS)),
        )
        if bad and number // 5 - 40 < unlike:
            context = (context[0], "I1", *context[2:])
        rows.append(record(rng.gauss(1.5 * bad, 1), context))
    cause = explain(rows[200:], rows[:200])
    assert sorted(cause.aliased[0]) == [("instrument", "I9"), ("reagent_batch", "L9")]
    assert cause.level is None
    assert sorted(cause.tied) == [("instrument", "I9"), ("reagent_batch", "L9")]


def test_too_few_results_of_a_level_name_nothing() -> None:
    rng = random.Random(5)
    before = [record(rng.gauss(0, 1), ("L1", None, None, None)) for _ in range(60)]
    peers = [record(rng.gauss(0, 1), ("L1", None, None, None)) for _ in range(30)]
    bad = [record(50.0 + i, ("L2", None, None, None)) for i in range(LEVEL_RESULTS_MIN - 1)]
    assert names_nothing(explain([*peers, *bad], before))
    assert explain([*peers, *bad, *bad], before).level == ("reagent_batch", "L2")


LOT: Context = ("L1", None, None, None)


@pytest.mark.parametrize(
    ("since", "before", "reason"),
    [
        ([], [], "no results since"),
        ([], [record(1.0, LOT)] * 20, "no results since"),
        ([record(None, LOT)] * 20, [record(1.0, LOT)] * 20, "no results since"),
        ([record(2.0, LOT)] * 4, [record(1.0, LOT)] * 20, "fewer than 5"),
        ([record(1.0, LOT)] * 20, [], "read alike"),
        ([record(1.0, LOT)] * 20, [record(1.0, LOT)] * 20, "read alike"),
        ([record(2.0, LOT)] * 20, [record(1.0, LOT)] * 20, "no level has"),
        ([record(2.0)] * 20, [record(1.0)] * 20, "no level has"),
    ],
)
def test_degenerate_results_have_no_cause_and_the_reason(
    since: list[Scored], before: list[Scored], reason: str
) -> None:
    cause = explain(since, before)
    assert names_nothing(cause) and cause.reason is not None and reason in cause.reason


def test_constant_errors_on_either_side_have_a_size_only_against_a_spread() -> None:
    """A lot that is all wrong among results that were all right: sure, but no size in SD."""
    good, bad = [record(0.0, LOT)] * 30, [record(1.0, ("L2", None, None, None))] * 10
    (finding,) = explain([*good, *bad], good).findings
    (effect,) = finding.effects
    assert effect.level == ("reagent_batch", "L2") and 0 < effect.p_value < 1e-6
    assert (effect.size_sd, effect.low_sd, effect.high_sd) == (None, None, None)


def test_outliers_and_overflow_are_but_ranks() -> None:
    since = results(1, 90, lambda c: 2.0 * (c[0] == "L2"))
    since[0] = record(1e9, since[0].context)
    since[1] = since[1]._replace(predicted=1e308, measured=-1e308)
    cause = explain(since, results(101, 300, no_shift))
    assert cause.level == ("reagent_batch", "L2")
    assert all(e.size_sd is None or abs(e.size_sd) < 20 for e in cause.effects)


def test_results_without_a_context_name_nothing() -> None:
    rng = random.Random(6)
    before = [record(rng.gauss(0, 1)) for _ in range(60)]
    assert names_nothing(explain([record(rng.gauss(3, 1)) for _ in range(40)], before))
