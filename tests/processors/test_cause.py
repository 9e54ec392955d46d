"""The cause of a change: named, tied or none, on data whose cause is known."""

import random
from collections.abc import Callable, Sequence

import pytest
from scipy.stats import false_discovery_control, mannwhitneyu

from processors.cause import LEVEL_RESULTS_MIN, NO_CAUSE, explain
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


def record(error: float | None, context: Context = NONE) -> Scored:
    predicted = None if error is None else error
    return Scored("1", 0, context, predicted, None if error is None else 0.0, None, None, None)


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
    assert explain(since, results(seed + 100, 200, no_shift)) == NO_CAUSE


def test_no_change_has_no_cause() -> None:
    named = 0
    for seed in range(40):
        found = explain(results(seed, 60, no_shift), results(seed + 100, 200, no_shift))
        named += found.level is not None
    # An adjusted p of 0.01 is met by chance in 1 of 100.
    assert named <= 2


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


def test_the_p_value_is_adjusted_mann_whitney() -> None:
    rng = random.Random(4)
    before = [record(rng.gauss(0, 1)) for _ in range(60)]
    errors = {
        "L1": [rng.gauss(0, 1) for _ in range(30)],
        "L2": [rng.gauss(3, 1) for _ in range(20)],
    }
    since = [record(e, (lot, None, None, None)) for lot, own in errors.items() for e in own]
    cause = explain(since, before)
    p_value = mannwhitneyu(errors["L2"], errors["L1"], alternative="two-sided").pvalue
    assert cause.level == ("reagent_batch", "L2")
    assert cause.p_value is not None
    # Whether the peer is a test of its own is the adjustment's affair: once or twice.
    one, two = false_discovery_control([p_value]), false_discovery_control([p_value, 1.0])
    assert float(one[0]) * (1 - 1e-9) <= cause.p_value <= float(two[0]) * (1 + 1e-9)


def test_too_few_results_of_a_level_name_nothing() -> None:
    rng = random.Random(5)
    before = [record(rng.gauss(0, 1), ("L1", None, None, None)) for _ in range(60)]
    peers = [record(rng.gauss(0, 1), ("L1", None, None, None)) for _ in range(30)]
    bad = [record(50.0 + i, ("L2", None, None, None)) for i in range(LEVEL_RESULTS_MIN - 1)]
    assert explain([*peers, *bad], before) == NO_CAUSE
    assert explain([*peers, *bad, *bad], before).level == ("reagent_batch", "L2")


def test_nothing_to_compare_has_no_cause() -> None:
    rows = [record(1.0, ("L1", None, None, None)) for _ in range(20)]
    assert explain([], []) == NO_CAUSE
    assert explain(rows, []) == NO_CAUSE
    assert explain([], rows) == NO_CAUSE
    assert explain([record(None, ("L1", None, None, None))] * 20, rows) == NO_CAUSE
    assert explain(rows, rows) == NO_CAUSE


def test_results_without_a_context_name_nothing() -> None:
    rng = random.Random(6)
    before = [record(rng.gauss(0, 1)) for _ in range(60)]
    assert explain([record(rng.gauss(3, 1)) for _ in range(40)], before) == NO_CAUSE
