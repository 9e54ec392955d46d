"""The verdict: told apart in simulated changes, honest where it cannot be known."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact, ttest_ind

from benchmarks.assay_verdict import SETTINGS, verdict_of
from processors.assay.control_target import Target
from processors.assay.mean_shift import ControlResults, control_shift, mean_shift
from processors.assay.verdict import Judged as Pair
from processors.assay.verdict import _more, blame

RNG = random.Random(8)
BEFORE = [Pair(RNG.gauss(0, 1), RNG.random()) for _ in range(100)]


def noisy(n: int, mean: float, low: float = 0.0, high: float = 1.0) -> list[Pair]:
    rng = random.Random(n)
    return [Pair(rng.gauss(mean, 1), rng.uniform(low, high)) for _ in range(n)]


def control(mean: float, n: int = 20, target: Target | None = None) -> ControlResults:
    rng = random.Random(n)
    return ControlResults(target or Target(10.0, 1.0), [rng.gauss(mean, 1) for _ in range(n)])


@pytest.mark.parametrize("setting", ["5 features", "20 features"])
@pytest.mark.parametrize("cause", ["assay", "model", "chemistry"])
def test_shifts_of_one_and_a_half_sd_are_told_apart(cause: str, setting: str) -> None:
    rng = np.random.default_rng(11)
    found = [verdict_of(cause, SETTINGS[setting], rng) for _ in range(40)]
    # Of 40 runs at a true rate of .97 fewer than 36 come once in 150 times.
    assert found.count(cause) >= 0.9 * 40


@pytest.mark.parametrize("cause", ["assay", "model"])
def test_without_controls_assay_and_model_are_not_guessed(cause: str) -> None:
    rng = np.random.default_rng(12)
    found = [verdict_of(cause, SETTINGS["no controls"], rng) for _ in range(30)]
    assert found == ["unknown"] * 30


def test_the_reason_without_controls() -> None:
    verdict = blame(noisy(60, 1.5), BEFORE, [])
    assert verdict.blamed == "unknown"
    assert "no control result since then is known" in verdict.reason
    assert blame(noisy(60, 1.5), BEFORE, [control(10.0, 0)]).reason == verdict.reason


def test_controls_that_moved_a_little_or_the_other_way_are_no_excuse() -> None:
    since = noisy(60, 1.5)
    many = 20_000
    assert blame(since, BEFORE, [control(9.9, many)]).blamed == "model"
    assert blame(since, BEFORE, [control(11.5)]).blamed == "model"
    assert blame(since, BEFORE, [control(8.5)]).blamed == "assay"


def test_too_few_controls_say_so() -> None:
    verdict = blame(noisy(60, 1.5), BEFORE, [ControlResults(Target(10.0, 1.0, 20), [9.4])])
    assert verdict.blamed == "unknown"
    assert "too few results to tell assay and model apart" in verdict.reason


def test_foreign_molecules_are_chemistry_only_if_they_carry_the_shift() -> None:
    foreign = noisy(30, 1.5, 0.0, 0.04)
    verdict = blame([*foreign, *noisy(31, 0.0, 0.06)], BEFORE, [control(10.0)])
    assert verdict.blamed == "chemistry"
    assert "49% of the molecules are outside the model's domain, 4% before" in verdict.reason
    everywhere = [*foreign, *noisy(31, 1.5, 0.06)]
    assert blame(everywhere, BEFORE, [control(10.0)]).blamed == "model"
    harmless = [*noisy(30, 0.0, 0.0, 0.04), *noisy(41, 2.5, 0.3)]
    assert blame(harmless, BEFORE, [control(10.0)]).blamed == "model"


def test_without_features_values_that_moved_together_are_chemistry() -> None:
    rng = random.Random(3)

    def pairs(n: int, predicted: float, measured: float) -> list[Pair]:
        truth = [rng.gauss(0, 1) for _ in range(n)]
        values = [(t + predicted, t + measured + rng.gauss(0, 0.5)) for t in truth]
        return [Pair(p - m, None, p, m) for p, m in values]

    before, controls = pairs(100, 0, 0), [control(10.0)]
    assert blame(pairs(60, 3, 1.5), before, controls).blamed == "chemistry"
    assert blame(pairs(60, 3, 1.5), before, []).blamed == "chemistry"
    assert blame(pairs(60, 1.5, 0), before, controls).blamed == "model"
    assert blame(pairs(60, 1.5, 0), before, []).blamed == "unknown"


def test_few_pairs_and_changes_of_the_spread_are_unknown() -> None:
    assert "too few: 5 and 20 are needed" in blame(noisy(4, 3), BEFORE, [control(10.0)]).reason
    assert "too few" in blame(noisy(60, 3), BEFORE[:19], [control(10.0)]).reason
    wider = [Pair(5.0 * (-1) ** i, 0.5) for i in range(60)]
    verdict = blame(wider, BEFORE, [control(10.0)])
    assert verdict.blamed == "unknown"
    assert "did not move clearly" in verdict.reason


number = st.floats(-1e100, 1e100) | st.sampled_from([0.0, 1.0, float("nan")])
some_pairs = st.lists(
    st.builds(
        Pair,
        number,
        st.none() | st.floats(0.01, 1.0),
        st.none() | number,
        st.none() | number,
    ),
    min_size=18,
    max_size=30,
)


@settings(deadline=None, max_examples=60)
@given(some_pairs, some_pairs, st.lists(st.floats(-1e100, 1e100), max_size=7))
def test_whatever_comes_has_an_answer(
    since: list[Pair], before: list[Pair], results: list[float]
) -> None:
    controls = [ControlResults(Target(0.0, 1e-200), results), ControlResults(Target(0, 1, 20), [])]
    verdict = blame(since, before, controls)
    assert verdict.blamed in ("assay", "model", "chemistry", "unknown")
    assert "nan" not in verdict.reason


@pytest.mark.parametrize("value", [0.0, 1.5])
def test_constant_errors_and_controls(value: float) -> None:
    since, before = [Pair(value, 1.0)] * 30, [Pair(0.0, 1.0)] * 30
    controls = [ControlResults(Target(10.0, 1.0, 20), [10.0] * 20)]
    assert blame(since, before, controls).blamed == ("model" if value else "unknown")


samples = st.lists(st.integers(-40, 40).map(lambda i: i / 8), min_size=5, max_size=25).filter(
    lambda values: len(set(values)) > 1
)


@settings(deadline=None)
@given(samples, samples)
def test_shifts_are_welchs(since: list[float], before: list[float]) -> None:
    found = mean_shift(since, before)
    assert found is not None
    expected = ttest_ind(since, before, equal_var=False)
    interval = expected.confidence_interval(0.95)
    ends = (found.value - found.half_width, found.value + found.half_width)
    assert ends == pytest.approx((interval.low, interval.high), rel=1e-9, abs=1e-9)
    learnt = Target(float(np.mean(before)), float(np.std(before, ddof=1)), len(before))
    of_controls = control_shift([ControlResults(learnt, since)])
    assert of_controls is not None
    assert of_controls == pytest.approx(found, rel=1e-9, abs=1e-12)


def test_compounds_are_weighted_by_their_precision() -> None:
    known = [ControlResults(Target(0.0, 1.0), [1.0] * 4), ControlResults(Target(5.0, 2.0), [5.0])]
    shift = control_shift(known)
    # Weights 4/1 and 1/4: 4/4.25, with variance 1/4.25.
    assert shift is not None
    assert (shift.value, shift.variance) == pytest.approx((4 / 4.25, 1 / 4.25))


@settings(deadline=None)
@given(st.integers(0, 20), st.integers(1, 20), st.integers(0, 40), st.integers(1, 40))
def test_more_outside_is_fishers_exact_test(hits: int, rest: int, before: int, rest2: int) -> None:
    expected = fisher_exact([[hits, rest], [before, rest2]], alternative="greater").pvalue
    found = _more(hits, hits + rest, before, before + rest2)
    assert found == pytest.approx(expected, rel=1e-9)
