"""The states of alerts and of what they are about: commands, plans, mutes, labels, severity."""

import pytest
from alert_lab import ABOUT, DAY_US, FOUND, AlertLab, alerts_only, states
from scipy import stats

from processors.alerts.recovery import RECOVERY_PAIRS
from processors.label_coverage import Growth
from processors.options import Options
from schemas.events import CONTEXT_FIELDS


@pytest.fixture
def lab() -> AlertLab:
    lab = AlertLab()
    lab.shift(2.0)
    return lab


def test_status_goes_from_learning_to_healthy_and_is_told_when_it_changes(lab: AlertLab) -> None:
    (learning,) = lab.look(None, missing="3 of the 50 results are there")
    assert (learning.state, learning.is_status) == ("learning", True)
    assert "3 of the 50 results are there" in learning.reason
    assert lab.look(None, missing="4 of the 50 results are there") == []
    lab.restart()
    (healthy,) = lab.look()
    assert (healthy.state, healthy.alert_id) == ("healthy", learning.alert_id)
    assert healthy.row_version > learning.row_version
    assert lab.look(strength=0.4) == []
    (warning,) = lab.look(strength=0.5)
    assert warning.state == "warning" and "50%" in warning.reason
    assert lab.look(strength=0.3) == [], "it does not flicker"
    assert states(lab.look(strength=0.2)) == ["healthy"]


def test_a_change_is_one_alert_with_all_that_is_known_of_it(lab: AlertLab) -> None:
    opened, status = lab.look(3.0, [FOUND, FOUND._replace(detector="other")])
    assert (opened.state, status.state) == ("open", "warning")
    errors = [row.error or 0.0 for row in lab.results]
    before, since = errors[:60], errors[60:]
    assert opened.since == 60 * DAY_US and opened.n == 30
    assert opened.mean_error_before == pytest.approx(sum(before) / 60)
    assert opened.mean_error_since == pytest.approx(sum(since) / 30)
    sd = stats.tstd(before)
    interval = stats.ttest_ind(since, before, equal_var=False).confidence_interval()
    assert opened.effect_low == pytest.approx(interval.low / sd, abs=1e-9)
    assert opened.effect_high == pytest.approx(interval.high / sd, abs=1e-9)
    assert opened.severity == "critical", "2 SD of all results"
    assert opened.false_alarms_per_year == 2.0
    assert opened.first_run == "I1 on 1970-03-02"
    assert opened.molecules == 30
    assert opened.molecule_ids == tuple(f"M{n}" for n in range(60, 80))
    assert lab.look(3.0, [FOUND]) == [], "it is the same change"


def test_levels_that_cannot_be_told_apart_are_named(lab: AlertLab) -> None:
    lab.shift(2.0, "L9", "I9")
    opened, _ = lab.look(3.0, [FOUND])
    assert sorted(opened.tied) == ["instrument=I9", "reagent_batch=L9"]
    assert opened.segment_field is None and "cannot be told apart" in opened.reason


def test_an_acknowledged_alert_recovers_and_the_next_change_is_another(lab: AlertLab) -> None:
    opened, _ = lab.look(3.0, [FOUND])
    (seen,) = lab.command("acknowledge", by="bob")
    assert (seen.state, seen.acknowledged_by, seen.alert_id) == (
        "acknowledged",
        "bob",
        opened.alert_id,
    )
    assert lab.command("acknowledge") == []
    lab.restart()
    said = [row for _ in range(RECOVERY_PAIRS) for row in lab.look()]
    assert states(said) == ["recovered", "healthy"]
    assert said[0].alert_id == opened.alert_id and said[0].acknowledged_by == "bob"
    again, _ = lab.look(3.0, [FOUND])
    assert again.state == "open" and again.alert_id != opened.alert_id
    assert again.acknowledged_by is None


def test_a_graver_alert_is_a_new_row_of_the_same_one_and_open_again(lab: AlertLab) -> None:
    lab.shift(0.6)
    opened, _ = lab.look(3.0, [FOUND])
    assert opened.severity == "warning"
    lab.command("acknowledge")
    lab.shift(4.0)
    said = [row for _ in range(5) for row in lab.look(3.0)]
    assert [(row.state, row.severity, row.alert_id) for row in said] == [
        ("open", "critical", opened.alert_id)
    ]
    lab.shift(0.6)
    assert [row for _ in range(20) for row in lab.look(3.0)] == [], "it gets no less grave"


def test_what_happens_under_a_mute_is_kept_and_said_if_it_is_still_true(lab: AlertLab) -> None:
    lab.tick(70)
    assert lab.command("mute", ends_at=80 * DAY_US) == []
    muted, status = lab.look(3.0, [FOUND])
    assert muted.state == "muted" and muted.muted_until == status.muted_until == 80 * DAY_US
    assert lab.tick(79) == []
    lab.restart()
    (said,) = lab.tick(80)
    assert (said.state, said.muted_until, said.alert_id) == ("open", None, muted.alert_id)
    assert lab.tick(81) == []


def test_what_is_over_when_the_mute_ends_is_not_said(lab: AlertLab) -> None:
    lab.command("mute")
    said = alerts_only(lab.look(3.0, [FOUND]))
    said += alerts_only([row for _ in range(RECOVERY_PAIRS) for row in lab.look()])
    assert states(said) == ["muted", "recovered"]
    assert all(row.muted_until is not None for row in said)
    assert lab.command("unmute") == []


def test_a_mute_is_of_its_segment_and_lifted_by_what_holds_it(lab: AlertLab) -> None:
    lab.shift(2.0, "L9")
    lab.command("mute", segment_field="instrument", segment_value="I1")
    opened, _ = lab.look(3.0, [FOUND])
    assert (opened.state, opened.segment_value) == ("open", "L9")
    lot = {"segment_field": "reagent_batch", "segment_value": "L9"}
    assert states(lab.command("mute", **lot)) == ["muted"]
    assert lab.command("unmute", segment_field="operator") == []
    assert lab.command("unmute", model_id="tree") == []
    assert states(lab.command("unmute")) == ["open"], "an unmute of all lifts what is in it"


def test_a_mute_may_begin_later_and_concern_models_to_come(lab: AlertLab) -> None:
    lab.tick(70)
    lab.command("mute", starts_at=75 * DAY_US, ends_at=78 * DAY_US)
    other = ABOUT._replace(model_id="tree")
    assert states(lab.look(3.0, [FOUND], about=other))[:1] == ["open"]
    assert states(lab.tick(75)) == ["muted"]
    assert states(lab.look(3.0, [FOUND]))[:1] == ["muted"]
    assert states(lab.tick(78)) == ["open", "open"]


@pytest.mark.parametrize(
    ("plan", "explains"),
    [
        ({"segment_field": "reagent_batch", "segment_value": "L9"}, True),
        ({"segment_field": "reagent_batch"}, True),
        ({}, True),
        ({"segment_field": "instrument", "segment_value": "I1"}, False),
        ({"segment_field": "reagent_batch", "segment_value": "L8"}, False),
        ({"starts_at": 62 * DAY_US}, False),
        ({"starts_at": 52 * DAY_US}, False),
        ({"starts_at": 52 * DAY_US, "segment_field": "reagent_batch"}, True),
        ({"starts_at": 40 * DAY_US, "ends_at": 61 * DAY_US}, True),
        ({"assay_id": "b"}, False),
        ({"model_id": "net", "model_version": "2"}, False),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_planned_change_explains_what_fits_it(
    lab: AlertLab, plan: dict[str, object], explains: bool, before: bool
) -> None:
    lab.shift(2.0, "L9")
    plan = {"starts_at": 60 * DAY_US, "note": "new lot on Monday", **plan}
    said = lab.command("plan", **plan) if before else []
    said += alerts_only(lab.look(3.0, [FOUND]))
    said += [] if before else lab.command("plan", **plan)
    row = said[-1]
    assert (row.planned_change is not None) == explains
    assert row.severity == ("info" if explains else "critical")
    assert ("new lot on Monday" in row.reason) == explains
    if explains:
        (back,) = lab.command("cancel_plan")
        assert (back.planned_change, back.severity) == (None, "critical")
        assert "planned" not in back.reason


def test_rebaseline_closes_the_alert_and_learns_anew(lab: AlertLab) -> None:
    opened, _ = lab.look(3.0, [FOUND])
    recovered, status = lab.command("rebaseline", note="the new lot is fine")
    assert (recovered.state, recovered.alert_id) == ("recovered", opened.alert_id)
    assert "the new lot is fine" in recovered.reason and "ann" in recovered.reason
    assert status.state == "learning"


def test_a_command_is_obeyed_once_and_only_by_what_it_is_about(lab: AlertLab) -> None:
    lab.look(3.0, [FOUND])
    for elsewhere in ({"assay_id": "b"}, {"model_id": "tree"}, {"segment_field": "operator"}):
        assert lab.command("acknowledge", **elsewhere) == []
    assert states(lab.command("acknowledge", command_id="x", assay_id=" a ")) == ["acknowledged"]
    lab.restart()
    lab.command("mute", command_id="m")
    lab.command("unmute")
    assert lab.command("mute", command_id="m") == []


def test_without_labels_a_model_is_not_healthy() -> None:
    lab = AlertLab(Options(no_labels_after_days=14))

    def grown(predictions: int, labelled: int) -> list[str]:
        growth = Growth(predictions, labelled)
        return states(lab.alerts.grown(ABOUT, growth, lab.here()))

    lab.look()
    assert grown(5, 5) == []
    assert [row for day in range(1, 14) for row in lab.tick(day)] == []
    assert grown(5, 0) == []
    lab.restart()
    assert lab.tick(14) == [], "counted from the first tick on"
    assert grown(5, 0) == []
    (row,) = lab.tick(15)
    assert (row.state, row.since) == ("no_labels", DAY_US)
    assert lab.tick(16) == [] and lab.look() == []
    assert grown(0, 1) == ["healthy"]
    said = [row for day in range(17, 60) for row in lab.tick(day)]
    assert said == [], "no prediction came since"


def test_the_fields_of_a_level_are_those_of_a_context() -> None:
    assert all("=" not in field for field in CONTEXT_FIELDS)
