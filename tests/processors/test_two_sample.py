"""Two-sample tests against SciPy, ties, constants and single values included."""

import math
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import kolmogorov
from scipy.stats import chi2, chi2_contingency, ks_2samp, mannwhitneyu

from processors.two_sample import (
    ALIKE,
    EMPTY,
    NOT_NUMBERS,
    chi_squared,
    kolmogorov_smirnov,
    mann_whitney,
    population_stability,
)

VALUES = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 2.0]) | st.sampled_from([1e308, -1e308])
SAMPLES = st.lists(VALUES, min_size=1, max_size=40)
EFFECTS = st.sampled_from([1.0, 1.5, 6.0])
OF_NUMBERS = {
    "kolmogorov_smirnov": kolmogorov_smirnov.compare,
    "mann_whitney": mann_whitney.compare,
    "chi_squared": chi_squared.compare_numbers,
    "population_stability": population_stability.compare,
}


@settings(deadline=None)
@given(SAMPLES, SAMPLES)
def test_kolmogorov_smirnov_is_scipys(reference: list[float], window: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = ks_2samp(reference, window)
    found = kolmogorov_smirnov.compare(reference, window)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)
    # Of a design effect of 2 the limiting distribution for half as many results.
    worth = len(reference) * len(window) / (len(reference) + len(window)) / 2
    halved = kolmogorov_smirnov.compare(reference, window, 2.0).p_value
    assert halved == pytest.approx(kolmogorov(math.sqrt(worth) * expected.statistic), abs=1e-9)


@settings(deadline=None)
@given(SAMPLES, SAMPLES)
def test_mann_whitney_is_scipys(reference: list[float], window: list[float]) -> None:
    found = mann_whitney.compare(reference, window)
    expected = mannwhitneyu(window, reference, method="asymptotic")
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(min(expected.pvalue, 1.0), abs=1e-9)


def test_mann_whitney_is_two_sided() -> None:
    low, high = np.arange(50.0).tolist(), np.arange(50.0, 100.0).tolist()
    up, down = mann_whitney.compare(low, high), mann_whitney.compare(high, low)
    assert up.p_value == down.p_value and up.p_value is not None and up.p_value < 1e-15
    assert (up.statistic, down.statistic) == (2_500.0, 0.0)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from("abcde"), min_size=1, max_size=60),
    st.lists(st.sampled_from("abcdf"), min_size=1, max_size=60),
    EFFECTS,
)
def test_chi_squared_is_scipys(reference: list[str], window: list[str], effect: float) -> None:
    found = chi_squared.compare(reference, window, effect)
    first, second = Counter(reference), Counter(window)
    kinds = sorted(first | second)
    if len(kinds) == 1:
        assert found == (0.0, 1.0, ALIKE)
        return
    table = [[counts[kind] for kind in kinds] for counts in (first, second)]
    expected = chi2_contingency(table, correction=False)
    assert found.statistic == pytest.approx(expected.statistic / effect, rel=1e-9, abs=1e-9)
    assert found.p_value == pytest.approx(
        chi2.sf(expected.statistic / effect, len(kinds) - 1), abs=1e-9
    )


def test_categories_that_are_nowhere_do_not_count() -> None:
    assert chi_squared.compare_counts([0, 9, 4, 0], [0, 3, 8, 0]) == chi_squared.compare_counts(
        [9, 4], [3, 8]
    )


def test_both_samples_are_samples() -> None:
    # With 20 categories and no drift a reference taken for exact alarms in 72 % at a nominal 5 %.
    rng = np.random.default_rng(3)
    samples = rng.integers(0, 20, (1_000, 2, 500)).astype(str)
    p_values = [chi_squared.compare(*pair.tolist()).p_value for pair in samples]
    alarms = sum(p is not None and p <= 0.05 for p in p_values)
    assert 30 <= alarms <= 72  # three standard deviations about 50


def test_the_population_stability_index_by_hand() -> None:
    # Ten of the reference in each of five bins, none, none, 10, 10 and 30 of the window.
    reference = [float(i) for i in range(50)]
    found = population_stability.compare(reference, [value + 20 for value in reference])
    r, w = 11 / 55, np.array([1, 1, 11, 11, 31]) / 55
    index = float(((w - r) * np.log(w / r)).sum())
    assert found.statistic == pytest.approx(index, abs=1e-12)
    assert found.p_value == pytest.approx(chi2.sf(index * 25, 4), rel=1e-9)


@pytest.mark.parametrize("reference_size", [50, 200])
def test_the_index_keeps_its_rate_where_a_rule_of_thumb_does_not(reference_size: int) -> None:
    rng, thumb, limit = np.random.default_rng(5), 0, 0
    for _ in range(600):
        found = population_stability.compare(
            rng.normal(size=reference_size).tolist(), rng.normal(size=50).tolist()
        )
        assert found.statistic is not None and found.p_value is not None
        thumb += found.statistic > 0.1
        limit += found.p_value <= 0.05
    # At most 5 %; the pseudo-count makes it 2.5.
    assert limit <= 46
    assert thumb > 100


@settings(deadline=None)
@given(SAMPLES, SAMPLES, EFFECTS, st.sampled_from(sorted(OF_NUMBERS)))
def test_any_samples_have_a_defined_answer(
    reference: list[float], window: list[float], effect: float, name: str
) -> None:
    found = OF_NUMBERS[name](reference, window, effect)
    assert found.statistic is not None and math.isfinite(found.statistic)
    assert found.p_value is not None and 0.0 <= found.p_value <= 1.0
    shuffled = OF_NUMBERS[name](reference[::-1], sorted(window), effect)
    assert shuffled == pytest.approx(found)
    if len({*reference, *window}) == 1:
        assert found.p_value == pytest.approx(1.0)


@pytest.mark.parametrize("name", sorted(OF_NUMBERS))
def test_what_cannot_be_compared_says_why(name: str) -> None:
    compare = OF_NUMBERS[name]
    assert compare([], [1.0]) == compare([1.0], []) == EMPTY
    assert compare([1.0, math.nan], [1.0]) == compare([1.0], [math.nan]) == NOT_NUMBERS
    found = compare([1.0, 1.0, math.inf], [-math.inf, 1.0])
    assert found.p_value is not None and 0 <= found.p_value <= 1


@pytest.mark.parametrize("name", sorted(OF_NUMBERS))
def test_a_larger_design_effect_is_a_larger_p_value(name: str) -> None:
    reference, window = np.arange(50.0).tolist(), np.arange(15.0, 65.0).tolist()
    p_values = [OF_NUMBERS[name](reference, window, effect).p_value for effect in (1.1, 2.0, 5.0)]
    assert p_values == sorted(p_values, key=lambda p: p or 0.0)
    assert p_values[0] != p_values[2]


@pytest.mark.parametrize("name", sorted(OF_NUMBERS))
def test_a_constant_reference_is_left_either_way(name: str) -> None:
    for moved in (2.0, 4.0):
        found = OF_NUMBERS[name]([3.0] * 50, [moved] * 50)
        assert found.p_value is not None and found.p_value < 1e-6
