"""What an alert tells of all that was judged as its cause."""

import numpy as np
import pytest
from alert_lab import FOUND, AlertLab, alerts_only, result

from processors.alerts.factors import FACTORS_TOLD_MAX, factors_of
from processors.cause import Cause, explain
from schemas.events import Alert, FactorEffect

SPREAD = (-1.2, -0.4, 0.4, 1.2)
CELLS = [(lot, instrument) for lot in ("L0", "L1", "L2") for instrument in ("I1", "I2")]


def moved(lot_by: float, instrument_by: float) -> AlertLab:
    """Return a lab where L1 and I2 read higher from the 60th day on; all read alike before."""
    lab = AlertLab()
    for day in range(96):
        lot, instrument = CELLS[day % 6]
        error = SPREAD[day // 6 % 4]
        if day >= 60:
            error += lot_by * (lot == "L1") + instrument_by * (instrument == "I2")
        lab.results.append(result(day, error, lot, instrument))
    return lab


def causes(alert: Alert) -> set[tuple[str, str]]:
    return {(each.factor, each.value) for each in alert.factors if each.is_cause}


BOTH = {("reagent_batch", "L1"), ("instrument", "I2")}


def test_both_causes_are_told_with_what_least_squares_gives_each() -> None:
    lab = moved(4.0, 3.0)
    opened, _ = lab.look(3.0, [FOUND])
    assert causes(opened) == BOTH and opened.factors[0].is_cause and opened.factors[1].is_cause
    errors = np.array([row.error for row in lab.results])
    # Day 60 was at neither bad level: the change begins with the first that was.
    since = np.arange(96) >= 61
    columns = [
        since & np.array([row.context[field] == value for row in lab.results])
        for field, value in ((0, "L1"), (1, "I2"))
    ]
    design = np.column_stack([np.ones(96), *columns]).astype(float)
    expected = np.linalg.lstsq(design, errors / errors[~since].std(ddof=1), rcond=None)[0][1:]
    told = {each.factor: each for each in opened.factors if each.is_cause}
    for factor, effect in zip(("reagent_batch", "instrument"), expected, strict=True):
        each = told[factor]
        assert each.effect_sd == pytest.approx(effect, abs=1e-9)
        assert each.effect_low is not None and each.effect_high is not None
        assert each.effect_low < effect < each.effect_high and each.adjusted_p < 0.01
    (second,) = causes(opened) - {(opened.segment_field, opened.segment_value)}
    assert f"So did results made with {second[0].replace('_', ' ')} {second[1]} (" in opened.reason


def test_a_second_cause_in_two_names_is_said_once() -> None:
    lab = moved(9.0, 3.0)
    lab.results = [
        row._replace(context=(*row.context[:2], "bob" if row.context[1] == "I2" else "ann", None))
        for row in lab.results
    ]
    opened, _ = lab.look(3.0, [FOUND])
    assert opened.segment_value == "L1"
    assert "made with instrument I2 or operator bob (18 results)." in opened.reason


def test_a_second_cause_that_shows_later_is_one_more_row_of_the_same_alert() -> None:
    lab = moved(4.0, 0.0)
    opened, _ = lab.look(3.0, [FOUND])
    assert causes(opened) == {("reagent_batch", "L1")} and "So did" not in opened.reason
    lab.results = moved(4.0, 3.0).results
    lab.restart()
    said = alerts_only([row for _ in range(20) for row in lab.look(3.0)])
    assert [(row.alert_id, row.state, causes(row)) for row in said] == [
        (opened.alert_id, "open", BOTH)
    ]


def test_without_a_cause_what_was_judged_is_told_all_the_same() -> None:
    lab = moved(3.0, 0.0)
    lab.results = [
        row if (row.at or 0) < 60 * 86_400_000_000 else row._replace(predicted=3.0)
        for row in moved(0.0, 0.0).results
    ]
    opened, _ = lab.look(3.0, [FOUND])
    assert opened.segment_field is None and not causes(opened)
    assert {each.factor for each in opened.factors} >= {"reagent_batch", "instrument"}
    ranked = [each.adjusted_p for each in opened.factors if each.factor != "run"]
    assert ranked == sorted(ranked) and ranked[0] > 0.05


@pytest.mark.parametrize("by", [0.0, 3.0])
def test_levels_that_hold_the_same_results_are_told_whether_they_moved_or_not(by: float) -> None:
    before = [result(day, SPREAD[day % 4], f"L{day % 2}") for day in range(60)]
    since = [
        result(day, SPREAD[day // 2 % 4] + by * (day % 2), *(("L1", "I1"), ("L9", "I9"))[day % 2])
        for day in range(60, 100)
    ]
    told = {(f.factor, f.value): f for f in factors_of(explain(since, before))}
    for level, other in (("reagent_batch", "instrument"), ("instrument", "reagent_batch")):
        found = told[level, "L9" if level == "reagent_batch" else "I9"]
        assert found.is_cause is bool(by)
        assert found.aliased_with == (f"{other}={'I9' if other == 'instrument' else 'L9'}",)


def test_no_more_are_told_than_a_consumer_was_promised() -> None:
    before = [result(day, SPREAD[day % 4], f"L{day % 8}") for day in range(400)]
    since = [
        result(day, SPREAD[day % 4], f"L{day % 40}", f"I{day % 30}") for day in range(400, 700)
    ]
    cause = explain(since, before)
    assert len(cause.effects) > FACTORS_TOLD_MAX
    told = factors_of(cause)
    assert len(told) == FACTORS_TOLD_MAX
    assert [each.adjusted_p for each in told] == [
        effect.adjusted_p for effect in cause.effects[:FACTORS_TOLD_MAX]
    ]
    assert isinstance(cause, Cause) and isinstance(told[0], FactorEffect)
