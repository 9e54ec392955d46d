"""Intervals against SciPy, published factors and, by simulation, their stated 95 %."""

import math

import numpy as np
import pytest
import scipy.stats

from processors.figures.estimate import Estimate
from processors.figures.intervals import wilson_interval
from processors.figures.quantiles import chi_squared, student
from processors.metrics import all_metrics
from processors.summaries.confusion import Confusion
from processors.summaries.moments import Moments
from processors.summaries.values import Values


def window_of(predicted: list[float], measured: list[float]) -> Moments:
    window = Moments()
    for p, o in zip(predicted, measured, strict=True):
        window.update(p, o)
    return window


def get(name: str, window: Moments | Confusion | Values) -> Estimate:
    return all_metrics()[name].get(window)


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


@pytest.mark.parametrize("degrees", [1, 2, 5, 19, 50, 199, 10_000])
def test_quantiles_are_those_of_scipy_stats(degrees: int) -> None:
    assert student(degrees) == pytest.approx(scipy.stats.t.ppf(0.975, degrees), rel=1e-12)
    want = scipy.stats.chi2.ppf([0.025, 0.975], degrees)
    assert chi_squared(degrees) == pytest.approx(tuple(want), rel=1e-12)


@pytest.mark.parametrize(("n", "low", "high"), [(20, 0.77, 1.44), (50, 0.84, 1.24)])
def test_rmse_factors(n: int, low: float, high: float) -> None:
    estimate = get("rmse", window_of([1.0, -1.0] * (n // 2), [0.0] * n))
    assert estimate.value == 1.0
    found = ends(estimate)
    assert found == pytest.approx((low, high), abs=0.006)


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (17, 20), (419, 500)])
def test_wilson_is_that_of_scipy(hits: int, n: int) -> None:
    want = scipy.stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson_interval(hits, n) == pytest.approx((want.low, want.high), abs=1e-12)
    confusion = Confusion()
    for i in range(n):
        confusion.update("a", "a" if i < hits else "b")
    accuracy = get("accuracy", confusion)
    assert accuracy.value == hits / n
    assert ends(accuracy) == pytest.approx((want.low, want.high), abs=1e-12)


def test_r2_pearson_is_fishers_interval_squared() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=40)
    for weight in (1.0, -1.0):
        y = weight * x + rng.normal(size=40)
        want = scipy.stats.pearsonr(x, y).confidence_interval()
        squares = sorted((want.low**2, want.high**2))
        found = get("r2_pearson", window_of(y.tolist(), x.tolist()))
        assert ends(found) == pytest.approx(tuple(squares), abs=1e-9)
    y = rng.normal(size=40)
    want = scipy.stats.pearsonr(x, y).confidence_interval()
    assert want.low < 0 < want.high
    found = get("r2_pearson", window_of(y.tolist(), x.tolist()))
    assert ends(found) == pytest.approx((0.0, max(want.low**2, want.high**2)), abs=1e-9)


def test_kendall_tau_by_hand() -> None:
    """n = 12, one pair of neighbours swapped: tau = 64/66; z ± 1.959964 · sqrt(.437/8)."""
    order = [1, 0, *range(2, 12)]
    found = get("kendall_tau", Values([float(i) for i in range(12)], [float(i) for i in order]))
    assert found.value == pytest.approx(64 / 66)
    z, half = math.atanh(64 / 66), 1.959964 * math.sqrt(0.437 / 8)
    assert ends(found) == pytest.approx((math.tanh(z - half), math.tanh(z + half)), abs=1e-6)


def test_no_interval_where_its_formula_has_none() -> None:
    line = [1.0, 2.0, 3.0, 4.0, 5.0]
    for name in ("r2_pearson", "r2"):
        assert get(name, window_of(line, line)).low is None
    assert get("kendall_tau", Values(line, line)).low is None
    separated = Values(probability=[0.1, 0.9], label=["miss", "hit"])
    assert get("roc_auc", separated) == Estimate(1.0, None, None, 2)
    for name in ("me", "mae"):
        assert get(name, window_of([1.0], [0.0])).low is None
    assert get("slope", window_of([1.0, 2.0], [0.0, 1.0])).low is None


def test_hanley_mcneil_published_standard_error() -> None:
    """Hanley and McNeil 1982, 58 normal and 51 abnormal CT images rated 1 to 5: .893, SE .032."""
    counts = {"normal": (33, 6, 6, 11, 2), "abnormal": (3, 2, 2, 11, 33)}
    probability, label = [], []
    for name, by_rating in counts.items():
        for rating, count in enumerate(by_rating):
            probability += [rating / 4] * count
            label += [name] * count
    found = get("roc_auc", Values([], [], probability, label, "abnormal"))
    assert found.value == pytest.approx(0.893, abs=0.0005)
    low, high = ends(found)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.032, abs=0.0015)


@pytest.mark.parametrize(("name", "truth", "bias"), [("rmse", 1.0, 0.0), ("me", 0.3, 0.3)])
@pytest.mark.parametrize("n", [5, 20])
def test_ninety_five_in_a_hundred_cover(name: str, truth: float, bias: float, n: int) -> None:
    rng = np.random.default_rng(11)
    errors = rng.normal(bias, 1.0, size=(2_000, n))
    covered = 0
    for row in errors.tolist():
        low, high = ends(get(name, window_of(row, [0.0] * n)))
        covered += low <= truth <= high
    assert covered / 2_000 == pytest.approx(0.95, abs=0.02)


def test_rmse_interval_is_wide_enough_under_bias() -> None:
    rng = np.random.default_rng(12)
    errors = rng.normal(1.0, 1.0, size=(1_000, 20))
    covered = 0
    for row in errors.tolist():
        low, high = ends(get("rmse", window_of(row, [0.0] * 20)))
        covered += low <= math.sqrt(2) <= high
    assert covered / 1_000 >= 0.95


@pytest.mark.parametrize(("name", "truth"), [("r2_pearson", 0.5), ("slope", 1.0)])
def test_correlation_and_slope_cover(name: str, truth: float) -> None:
    rng = np.random.default_rng(13)
    covered = 0
    for _ in range(1_000):
        x = rng.normal(size=25)
        y = x + rng.normal(size=25)
        low, high = ends(get(name, window_of(y.tolist(), x.tolist())))
        covered += low <= truth <= high
    assert covered / 1_000 == pytest.approx(0.95, abs=0.025)
