"""Control charts: Westgard's rules against westgard-python and published rates, and learning."""

import math
import random
from functools import reduce

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t
from westgard import EvaluationScope, RuleName, evaluate_rule, observation_from_value

from processors.assay.control_chart import Charted, ChartState, ControlChart
from processors.assay.control_target import Target, learn_target, stated_target
from processors.assay.westgard import Tally, broken_rules
from processors.options import DAY_US
from processors.record_layout import RecordLayout
from schemas.errors import SettingsError

KNOWN = Target(0.0, 1.0)
ORACLE = {
    "1_3s": (RuleName.ONE_3S, EvaluationScope.WITHIN_RUN, 1),
    "R_4s": (RuleName.R_4S, EvaluationScope.WITHIN_RUN, None),
    "2_2s": (RuleName.TWO_2S, EvaluationScope.WITHIN_MATERIAL, 2),
    "4_1s": (RuleName.FOUR_1S, EvaluationScope.WITHIN_MATERIAL, 4),
    "10_x": (RuleName.TEN_X, EvaluationScope.WITHIN_MATERIAL, 10),
}


def by_oracle(rule: str, scores: list[float]) -> bool:
    name, scope, last = ORACLE[rule]
    seen = tuple(
        observation_from_value(
            analyte="a",
            material="m",
            run_id="r",
            sequence=index,
            value=score,
            mean=0.0,
            standard_deviation=1.0,
        )
        for index, score in enumerate(scores if last is None else scores[-last:])
    )
    return evaluate_rule(name, seen, scope=scope, stream_name="s").violated


# Around the limits, on them, and mostly on one side, so that rows are long.
scores = st.sampled_from([0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0]) | st.floats(-4, 4)
score_lists = st.lists(scores, min_size=1, max_size=14) | st.lists(
    st.floats(-0.3, 4), min_size=8, max_size=20
)


@settings(deadline=None)
@given(score_lists)
@example([0.1] * 10)
@example([-1.1] * 4)
@example([2.1, 0.0, -2.1])
def test_rules_over_results_in_a_row_are_those_of_westgard_python(seen: list[float]) -> None:
    tally = reduce(Tally.with_result, seen, Tally())
    single, four = (broken_rules(seen[-1], tally, tally, n) for n in (1, 4))
    for rule in ("1_3s", "2_2s", "4_1s", "10_x"):
        assert (rule in single) == by_oracle(rule, seen), rule
    assert ("4_1s" in four) == by_oracle("4_1s", seen)
    # R_4s is completed by the result that brings the second side in, or repeats one of them.
    assert ("R_4s" in four) == (abs(seen[-1]) > 2 and by_oracle("R_4s", seen))


@settings(deadline=None)
@given(st.lists(scores, min_size=2, max_size=2))
def test_a_run_of_two_is_judged_as_by_westgard_python(seen: list[float]) -> None:
    chart = ControlChart(KNOWN)
    found = {rule for score in seen for rule in chart.update(score, "reader", 0).rejected_by}
    expected = {rule for rule in ("2_2s", "R_4s") if by_oracle(rule, seen)}
    if by_oracle("1_3s", seen[:1]) or by_oracle("1_3s", seen[1:]):
        expected.add("1_3s")
    assert found == expected


# Rejected runs in percent at shifts of 0 to 4 SD, by the rules within a run alone.
@pytest.mark.parametrize(
    ("controls", "shift_sd", "percent"),
    [
        *[(2, 0, 0.7), (2, 1, 6), (2, 2, 41), (2, 3, 87), (2, 4, 99)],
        *[(4, 0, 2.2), (4, 1, 21), (4, 2, 83), (4, 3, 99.8)],
    ],
)
def test_rejection_rates_are_the_published_ones(
    controls: int, shift_sd: float, percent: float
) -> None:
    rng, runs, rejected = random.Random(7), 8_000, 0
    for _ in range(runs):
        run, broken = Tally(), False
        for _ in range(controls):
            score = rng.gauss(shift_sd, 1)
            run = run.with_result(score)
            broken = broken or bool(broken_rules(score, run, Tally(), controls))
        rejected += broken
    rounding = 0.05 if percent < 3 or percent > 99.5 else 0.5
    p = percent / 100
    assert rejected / runs == pytest.approx(
        p, abs=rounding / 100 + 3.5 * math.sqrt(p * (1 - p) / runs)
    )


def test_ten_on_one_side_come_after_1023_results_in_the_mean() -> None:
    # W. Feller (1968), An Introduction to Probability Theory I, XIII.7: 2^10 − 1 for either side.
    # The SD of a wait is nearly its mean.
    rng, waits = random.Random(3), 100
    results = 0
    for _ in range(waits):
        tally = Tally()
        while "10_x" not in broken_rules(0.5, Tally(), tally, 2):
            tally = tally.with_result(rng.choice((-0.5, 0.5)))
            results += 1
    assert results / waits == pytest.approx(1023, rel=3.5 / math.sqrt(waits))


def test_a_warning_is_no_rejection() -> None:
    assert ControlChart(KNOWN).update(2.5, "a", 0) == Charted(2.5, ("1_2s",), ())


def test_runs_are_an_instruments_day() -> None:
    def second(instrument: str, at: int, controls: int = 2) -> tuple[str, ...]:
        chart = ControlChart(KNOWN, controls)
        chart.update(2.5, "a", DAY_US - 1)
        return chart.update(2.6, instrument, at).rejected_by

    assert second("a", 0) == ("2_2s",)
    assert second("b", 0) == second("a", DAY_US) == ()
    assert second("a", DAY_US, controls=1) == ("2_2s",)


def test_interleaved_runs_and_results_without_a_time() -> None:
    chart = ControlChart(KNOWN)
    chart.update(2.5, "a", 0)
    assert chart.update(-2.5, "b", 0).rejected_by == ()
    assert chart.update(2.5, None, None).rejected_by == ()
    assert chart.update(-2.5, "a", 5).rejected_by == ("R_4s",)


def test_results_on_the_limits_and_on_the_target_are_within() -> None:
    chart = ControlChart(KNOWN, 4)
    assert not any(any(chart.update(v, "a", 0)[1:]) for v in (2.0, 2.0, -2.0, -2.0))
    tally = reduce(Tally.with_result, [0.5] * 9 + [0.0] + [0.5] * 9, Tally())
    assert "10_x" not in broken_rules(0.5, tally, tally, 2)


def test_a_score_against_a_learnt_target_is_that_of_a_prediction_interval() -> None:
    for value in (-7.0, 1.0, 2.5, 6.0):
        tail = t.sf(abs(value - 1) / 2 / math.sqrt(1 + 1 / 20), 19)
        expected = math.copysign(norm.isf(tail), value - 1)
        assert Target(1.0, 2.0, 20).score(value) == pytest.approx(expected, abs=1e-9)
    assert 30 < Target(0.0, 1.0, 20).score(1e100) < math.inf


def test_learning_does_not_cost_false_rejections() -> None:
    # Beyond 3 SD lie 0.27 % of the next results, averaged over baselines of 20.
    rng, beyond = random.Random(5), 0
    for _ in range(20_000):
        values = [rng.gauss(0, 1) for _ in range(20)]
        mean = sum(values) / 20
        sd = math.sqrt(sum((v - mean) ** 2 for v in values) / 19)
        beyond += abs(Target(mean, sd, 20).score(rng.gauss(0, 1))) > 3
    assert beyond == pytest.approx(54, abs=3.5 * math.sqrt(54))


def test_a_chart_learns_from_the_first_twenty() -> None:
    rng, chart = random.Random(2), ControlChart(None)
    values = [rng.gauss(10, 0.5) for _ in range(20)]
    for count, value in enumerate(values):
        assert chart.missing is not None
        assert f"it has {count} of the 20 results needed" in chart.missing
        assert chart.update(value, "a", 0) == Charted(None, (), ())
    assert chart.missing is None
    assert chart.target is not None
    assert chart.target.mean == pytest.approx(np.mean(values))
    assert chart.target.sd == pytest.approx(np.std(values, ddof=1))
    assert chart.update(15.0, "a", DAY_US).rejected_by == ("1_3s",)


def test_a_constant_baseline_is_learning_and_says_so() -> None:
    chart = ControlChart(None)
    for _ in range(20):
        chart.update(0.1, "a", 0)
    assert chart.target is None
    assert chart.missing is not None and "all read 0.1" in chart.missing
    for index in range(20):
        chart.update(0.1 + index % 3, "a", 0)
    assert chart.missing is None


def test_an_outlier_among_the_first_is_no_baseline() -> None:
    rng = random.Random(4)
    values = [rng.gauss(10, 0.5) for _ in range(19)]
    found = learn_target([*values, 1e9])
    assert found.target is None and found.kept == values
    assert found.missing == "it has 19 of the 20 results needed"


def test_the_state_does_not_grow() -> None:
    chart = ControlChart(KNOWN)
    for index in range(2_000):
        chart.update(math.sin(index), f"reader-{index % 7}", index * DAY_US // 3)
    assert len(RecordLayout(ChartState).pack(chart.state)) < 1_000


def test_what_is_no_number_is_left_out() -> None:
    chart = ControlChart(None)
    assert chart.update(math.nan, "a", 0) == Charted(None, (), ())
    assert chart.state == ChartState()


@pytest.mark.parametrize(("mean", "sd"), [(1, 0), (1, -1), (math.nan, 1), (1, math.inf)])
def test_a_target_that_is_none_is_refused(mean: float, sd: float) -> None:
    with pytest.raises(SettingsError, match="SD above 0"):
        stated_target(mean, sd)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(SettingsError, match="controls_per_run is 0"):
        ControlChart(KNOWN, 0)
    with pytest.raises(SettingsError, match="not 19"):
        ControlChart(None, learn_results=19)
