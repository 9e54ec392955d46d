"""Moments of runs against NIST's analyses of variance, pandas, and in any order."""

import importlib.resources
import math
import random
import tracemalloc
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.run_moments import RunMoments

FLOATS = st.floats(-1e3, 1e3)
RUNS = st.lists(st.lists(FLOATS, min_size=1, max_size=8), min_size=1, max_size=12)


def one_run(values: list[float]) -> RunMoments:
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return RunMoments().with_run(len(values), mean, squares)


def moments_of(runs: list[list[float]]) -> RunMoments:
    found = RunMoments()
    for run in runs:
        found = found.merged(one_run(run))
    return found


def nist(name: str, origin: str) -> list[list[float]]:
    """Return NIST StRD's one-way layout of that name less `origin`; SciPy's own tests carry it."""
    folder = importlib.resources.files("scipy") / "stats" / "tests" / "data" / "nist_anova"
    lines = Path(str(folder / f"{name}.dat")).read_text().splitlines()[60:]
    rows = [line.split() for line in lines if line.strip()]
    runs: dict[str, list[float]] = {}
    for run, value in rows:
        runs.setdefault(run, []).append(float(Decimal(value) - Decimal(origin)))
    return list(runs.values())


# NIST Standard Reference Datasets, certified F statistics; all runs of one size. Atomic weights of
# silver share their first seven digits, so that of their means 1.6e-9 is lost in any double.
@pytest.mark.parametrize(
    ("name", "origin", "f", "within"),
    [
        ("AtmWtAg", "107", 15.9467335677930, 1e-9),
        ("AtmWtAg", "0", 15.9467335677930, 1e-8),
        ("SiRstv", "0", 1.18046237440255, 1e-9),
    ],
)
def test_the_ratio_of_variances_is_nists(name: str, origin: str, f: float, within: float) -> None:
    runs = nist(name, origin)
    moments = moments_of(runs)
    size = len(runs[0])
    assert all(len(run) == size for run in runs)
    between = moments.between / (moments.runs - 1)
    of_results = moments.within / moments.within_freedom
    assert size * between / of_results == pytest.approx(f, rel=within)


def test_moments_are_those_of_a_group_by() -> None:
    rng = np.random.default_rng(4)
    runs = [rng.normal(rng.normal(5), 1, rng.integers(1, 9)).tolist() for _ in range(40)]
    frame = pd.DataFrame([(i, value) for i, run in enumerate(runs) for value in run])
    groups = frame.groupby(0)[1]
    found = moments_of(runs)
    assert (found.results, found.runs) == (len(frame), 40)
    assert found.mean == pytest.approx(groups.mean().mean(), rel=1e-9)
    assert found.between == pytest.approx(groups.mean().var() * 39, rel=1e-9)
    within = ((frame[1] - groups.transform("mean")) ** 2).sum()
    assert found.within == pytest.approx(within, rel=1e-9)
    assert found.within_freedom == len(frame) - 40


@settings(deadline=None)
@given(RUNS, st.integers(0, 12), st.randoms(use_true_random=False))
def test_the_order_of_merging_does_not_matter(
    runs: list[list[float]], cut: int, shuffler: random.Random
) -> None:
    one_by_one = moments_of(runs)
    shuffled = list(runs)
    shuffler.shuffle(shuffled)
    halves = moments_of(shuffled[:cut]).merged(moments_of(shuffled[cut:]))
    assert halves[:2] == one_by_one[:2]
    assert halves == pytest.approx(one_by_one, rel=1e-9, abs=1e-6)


@settings(deadline=None)
@given(RUNS)
def test_nothing_merged_changes_nothing(runs: list[list[float]]) -> None:
    found = moments_of(runs)
    assert found.merged(RunMoments()) == found
    assert RunMoments().merged(found) == pytest.approx(found)


@settings(deadline=None)
@given(RUNS | st.lists(st.lists(st.sampled_from([0.0, 1.0, 1e12]), min_size=1), min_size=1))
def test_a_baseline_is_defined_or_missing(runs: list[list[float]]) -> None:
    baseline = moments_of(runs).baseline()
    assert (baseline is None) == (len(runs) < 2)
    if baseline is None:
        return
    assert all(math.isfinite(each) for each in baseline)
    assert baseline.shared >= 0 and baseline.within >= 0 and baseline.sd >= 0
    assert 0 <= baseline.intraclass_correlation <= 1
    assert 1 <= baseline.design_effect <= max(baseline.run_size, 1)


def test_a_baseline_of_runs_that_differ_is_the_analysis_of_variance() -> None:
    # By hand: means 0, 10, 20; between 100, within 2 of two degrees each; runs differ beyond doubt.
    baseline = moments_of([[-1.0, 1.0, 0.0], [9.0, 11.0, 10.0], [19.0, 21.0, 20.0]]).baseline()
    assert baseline is not None
    assert (baseline.mean, baseline.runs, baseline.run_size) == (10.0, 3, 3.0)
    assert (baseline.within, baseline.within_freedom) == (1.0, 6)
    # A run's mean varies by shared + within / 3 = 100.
    assert baseline.between == pytest.approx(100, rel=1e-3)
    assert baseline.shared == pytest.approx(100 - 1 / 3, rel=1e-3)
    assert baseline.sd == pytest.approx(math.sqrt(100 + 2 / 3), rel=1e-3)
    assert baseline.intraclass_correlation == pytest.approx((100 - 1 / 3) / (100 + 2 / 3), rel=1e-4)


@pytest.mark.parametrize("icc", [0.0, 0.1, 0.3])
def test_the_intraclass_correlation_is_found(icc: float) -> None:
    rng = np.random.default_rng(int(icc * 10))
    shared = rng.normal(0, math.sqrt(icc), 1_000)
    runs = [rng.normal(mean, math.sqrt(1 - icc), 20).tolist() for mean in shared]
    baseline = moments_of(runs).baseline()
    assert baseline is not None
    # The standard error of an intraclass correlation of 1,000 runs of 20 is below .012.
    assert baseline.intraclass_correlation == pytest.approx(icc, abs=0.04)
    assert baseline.sd == pytest.approx(1.0, abs=0.04)
    assert baseline.design_effect == pytest.approx(1 + 19 * icc, abs=0.8)


def test_a_run_of_very_many_results_takes_no_memory_for_each() -> None:
    moments = RunMoments().with_run(20, 0.1, 19.0).with_run(20, -0.2, 21.0).with_run(20, 0.3, 18.0)
    baseline = moments.baseline()
    assert baseline is not None
    tracemalloc.start()
    try:
        for results in range(1, 20_001):
            baseline.precision(results)
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 100_000
