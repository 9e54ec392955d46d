"""Innovations: independent standard normal while nothing changes, and by hand."""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple
from scipy.stats import norm
from scipy.stats import t as student

from processors.innovations import (
    CLIP_SD,
    CLOSED_AFTER_RESULTS,
    OPEN_RUNS_MAX,
    Innovation,
    Innovations,
    InnovationsState,
)
from processors.record_layout import RecordLayout
from processors.run_moments import Baseline, RunMoments
from processors.runs import Run


def told(
    series: Innovations, values: Iterable[float], runs: Iterable[Run | None]
) -> list[Innovation]:
    """Return the innovations of results, all of which are taken into the baseline."""
    found = []
    for value, run in zip(values, runs, strict=True):
        new = series.take(value, run)
        series.settle()
        if new is not None:
            found.append(new)
    return found


def in_runs(icc: float, runs: int, size: int, seed: int) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.normal(0, math.sqrt(icc), runs), size)
    return 7 + 3 * (shared + rng.normal(0, math.sqrt(1 - icc), runs * size))


@pytest.mark.parametrize("baseline_results", [20, 60, 200])
@pytest.mark.parametrize("icc", [0.0, 0.1, 0.3])
def test_without_a_change_they_are_independent_and_standard_normal(
    icc: float, baseline_results: int
) -> None:
    size, first, second = 10, [], []
    for seed in range(150):
        values = in_runs(icc, baseline_results // size + 12, size, seed)
        runs = [("", number // size) for number in range(len(values))]
        series = Innovations(baseline_results=baseline_results)
        scores = [new.score for new in told(series, values.tolist(), runs)]
        first.append(scores[0])
        second.append(scores[:60])
    # What one baseline says of 60 results is shared by them: series are what is independent. The
    # standard error of an SD of 150 is .06; of the mean square of 9,000 it is about .02. Few runs
    # that differ make a baseline on the quiet side: of 500 series the mean square is .80 at an
    # intraclass correlation of .3 and 20 results, .92 to .99 else, and .6 to .96 of the first.
    assert np.mean(first) == pytest.approx(0, abs=0.25)
    assert 0.6 <= np.std(first) <= 1.2
    scores = np.array(second)
    assert 0.75 <= np.mean(scores**2) <= 1.1
    assert np.mean(scores[:, 1:] * scores[:, :-1]) == pytest.approx(0, abs=0.06)
    # Of normal values 4.6 % are beyond 2; the clip leaves .05 % beyond 3.5 SD.
    assert np.mean(np.abs(scores) > 2) == pytest.approx(0.0455, abs=0.02)


BASELINE = Baseline(
    mean=10.0,
    runs=10,
    run_size=2.0,
    between=1.5,
    between_freedom=9.0,
    within=1.0,
    within_freedom=10,
    shared=1.0,
    sd=math.sqrt(2.0),
)


def normal_score_of_mean(mean: float, results: int) -> tuple[float, float]:
    """Return the normal score of a run's mean by Student's t itself, and its information.

    A mean of n results has the variance 1.5 + 1·(1/n − 1/2) for n up to the 2 of the baseline's
    runs; the baseline's own mean adds 1.5 / 10; degrees of freedom are Satterthwaite's.
    """
    if results <= 2:
        known, within = 1.5 * 1.1, 1 / results - 0.5
        variance = 1.5 + within
    else:
        known, within = 1.0 + 0.15, 1 / results
        variance = 1.0 + within
    total = known + within
    freedom = total**2 / (known**2 / 9 + within**2 / 10)
    t = (mean - 10) / math.sqrt(total)
    return float(norm.ppf(student.cdf(t, freedom))), 2.0 / max(total, variance)


def test_a_small_example_by_hand() -> None:
    series = Innovations()
    run = ("LC-1", 5)
    values, sums = [11.0, 12.0, 9.5, 10.0], 0.0
    z_before = information_before = 0.0
    for number, value in enumerate(values, 1):
        sums += value
        new = series.take(value, run, BASELINE)
        z, information = normal_score_of_mean(sums / number, number)
        gain = math.sqrt(information - information_before)
        moved = math.sqrt(information) * z - math.sqrt(information_before) * z_before
        assert new is not None
        assert new.standing == pytest.approx((value - 10) / math.sqrt(2))
        assert new.gain == pytest.approx(gain)
        # Wallace's normal score of t is off by .02 at the most for nine degrees and more.
        assert new.score == pytest.approx(moved / gain, abs=0.02)
        z_before, information_before = z, information


def test_a_result_far_away_counts_as_one_that_is_not_as_far() -> None:
    far = Innovations().take(1e9, ("", 1), BASELINE)
    near = Innovations().take(10 + 4 * math.sqrt(2), ("", 1), BASELINE)
    assert far == near
    assert far is not None and far.standing == CLIP_SD


def test_interleaved_runs_are_told_apart() -> None:
    apart, together = Innovations(), Innovations()
    values = {("A", 1): [10.5, 11.0, 9.0], ("B", 1): [8.0, 12.0, 10.0]}
    expected = {run: [apart.take(v, run, BASELINE) for v in values[run]] for run in values}
    found = {run: [] for run in values}  # type: dict[tuple[str, int], list[Innovation | None]]
    for number in range(3):
        for run in values:
            found[run].append(together.take(values[run][number], run, BASELINE))
    assert found == expected


def test_a_run_of_its_own_has_full_gain_each_time() -> None:
    series = Innovations()
    gains = [new.gain for v in (9.0, 11.0) if (new := series.take(v, None, BASELINE))]
    first = Innovations().take(9.0, ("", 1), BASELINE)
    assert first is not None and gains == [first.gain] * 2
    # Both are closed runs of one result.
    assert series.state().open_runs == ()
    assert series.state().settled == RunMoments(2, 2, 10.0, 2.0, 0.0, 0)


def test_a_run_is_closed_when_it_gets_no_more_results() -> None:
    series = Innovations()
    series.take(1.0, ("", 1))
    for number in range(CLOSED_AFTER_RESULTS * 2 + 1):
        open_runs = {each.run for each in series.state().open_runs}
        assert ("", 1) in open_runs, number
        series.take(2.0, ("", 2))
    assert [each.run for each in series.state().open_runs] == [("", 2)]
    assert series.state().settled == RunMoments(1, 1, 1.0, 0.0, 0.0, 0)


def test_late_results_of_a_closed_run_are_a_run_of_their_own() -> None:
    series = Innovations()
    series.take(1.0, ("", 1))
    for _ in range(30):
        series.take(2.0, ("", 2))
    series.take(5.0, ("", 1))
    late = next(each for each in series.state().open_runs if each.run == ("", 1))
    assert (late.results, late.mean) == (1, 5.0)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0]),
            st.none() | st.tuples(st.sampled_from("ABC"), st.integers(0, 4)),
            st.booleans(),
        ),
        max_size=80,
    )
)
def test_the_state_survives_at_every_point(
    results: list[tuple[float, tuple[str, int] | None, bool]],
) -> None:
    layout = RecordLayout(InnovationsState)
    uninterrupted, stored = Innovations(baseline_results=6), Innovations(baseline_results=6)
    for value, run, settles in results:
        stored = Innovations(layout.unpack(layout.pack(stored.state())), 6)
        new = stored.take(value, run)
        assert new == uninterrupted.take(value, run)
        assert new is None or all(math.isfinite(each) for each in astuple(new))
        assert new is None or new.gain >= 0
        if settles:
            stored.settle()
            uninterrupted.settle()
        assert stored.state() == uninterrupted.state()
        assert len(stored.state().open_runs) <= OPEN_RUNS_MAX
    state = uninterrupted.state()
    held = sum(each.results for each in state.open_runs)
    kept = state.settled.results + state.ripening.results + state.waiting.results
    assert held + kept == len(results)


def test_what_waits_is_not_in_the_baseline_until_it_settles() -> None:
    series = Innovations(baseline_results=6)
    told(series, [1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 3.0], [None] * 7)
    before = series.baseline
    for value in (50.0, 60.0):
        series.take(value, None)
    assert series.baseline == before
    series.forget_waiting()
    series.settle()
    assert series.baseline == before and before is not None
    # As many must wait as the baseline has, and as many again must come after them.
    for waiting in (7, 14):
        assert series.baseline == before, waiting
        told(series, [9.0] * 7, [None] * 7)
    assert series.baseline.mean > before.mean
    clipped = before.mean + CLIP_SD * before.sd
    assert series.baseline.mean == pytest.approx((7 * before.mean + 7 * min(9.0, clipped)) / 14)


def test_what_is_missing_is_said() -> None:
    series = Innovations(baseline_results=4)
    assert series.missing == "0 of 4 results of closed runs are there"
    series = Innovations(InnovationsState(RunMoments(5, 1, 1.0, 0.0, 1.0, 4)), 4)
    assert series.missing == "1 of 3 runs (days of an instrument) are there"
    series = Innovations(baseline_results=4)
    told(series, [2.0] * 5, [None] * 5)
    assert series.missing == "all 5 results are alike, which is no measure of how much they vary"
    assert series.take(2.0, None) is None
    told(series, [3.0], [None])
    assert series.missing is None
