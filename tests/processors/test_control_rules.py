"""Rules about control compounds: Westgard's rules open an alert, through the whole monitor."""

import re

import pytest

from processors.alerts.control_rules import IN_CONTROL_RESULTS
from processors.alerts.rule import Rule, check_rules
from processors.assay.control_target import LEARN_RESULTS_MIN, Target
from processors.controls import Control
from processors.monitor import Monitor
from processors.options import Options
from processors.pairing import pair_of
from processors.store import MemoryStore
from schemas.errors import SettingsError
from schemas.events import Alert, AssayContext, Outcome, Prediction, Tick

DAY_US = 86_400_000_000
TARGET = Target(6.0, 0.5)
RULE = Rule("controls", assay_id="a", controls_per_run=2)


class Lab:
    """Two controls a run, a run a day; the monitor forgets what is at hand every so often."""

    def __init__(self, *controls: Control, restart_every: int = 7, rule: Rule = RULE) -> None:
        self._options = Options(rules=(rule,), controls=controls)
        self._every, self._store, self._number = restart_every, MemoryStore(), 0
        self._monitor = Monitor(self._options)

    def read(
        self, score: float, molecule: str = "QC", assay: str = "a", event: int | None = None
    ) -> list[Alert]:
        """Return what is said of a control's result so many SD from 6, or of its correction."""
        self._number += 1
        number = self._number if event is None else event
        ids = f"p{number}", 0 if event is None else 1, False, molecule, assay
        context, at = AssayContext(instrument="I1"), number // 2 * DAY_US + number % 2
        p = Prediction(*ids, context, "net", "1", 6.0)
        o = Outcome(f"o{number}", *ids[1:], context, 6.0 + 0.5 * score, measured_at=at)
        pair = pair_of(p, o, "paired", self._number)
        said = self._monitor.process(pair, self._number, self._store)
        if self._number % self._every == 0:
            self._monitor.flush(self._store, quiet=False)
            self._monitor = Monitor(self._options)
        return [row for row in said if isinstance(row, Alert) and not row.is_status]

    def tick(self, day: int) -> list[Alert]:
        self._number += 1
        said = self._monitor.process(Tick(0, day * DAY_US), self._number, self._store)
        return [row for row in said if isinstance(row, Alert) and not row.is_status]

    def settle(self, *controls: Control) -> None:
        """Start again with other settings."""
        self._monitor.flush(self._store, quiet=False)
        self._options = self._options._replace(controls=controls)
        self._monitor = Monitor(self._options)


def in_control(lab: Lab, results: int, molecule: str = "QC") -> list[Alert]:
    return [row for n in range(results) for row in lab.read(0.5 - n % 2, molecule)]


@pytest.mark.parametrize("restart_every", [1, 7, 10_000])
def test_two_of_a_run_beyond_2_sd_open_and_ten_within_close(restart_every: int) -> None:
    lab = Lab(Control("a", "QC", TARGET), restart_every=restart_every)
    assert in_control(lab, 21) == [] and lab.read(2.5) == []
    (opened,) = lab.read(2.2)
    assert (opened.state, opened.rule, opened.kind) == ("open", "controls on control QC", "assay")
    assert opened.since == 11 * DAY_US + 1 and opened.severity == "warning"
    assert "control QC of a read 7.1, +2.2 SD from its target of 6, which" in opened.reason
    assert opened.reason.endswith("breaks Westgard's 2-2s.")
    assert in_control(lab, IN_CONTROL_RESULTS - 1) == []
    (closed,) = in_control(lab, 1)
    assert (closed.state, closed.alert_id) == ("recovered", opened.alert_id)


@pytest.mark.parametrize(
    ("scores", "broken"),
    [
        ([0.0, -3.1], "1-3s"),
        ([2.1, -2.1], "R-4s"),
        ([0.5] * 10, "10-x"),
        ([3.2, 3.2], "1-3s"),
    ],
)
def test_each_rule_of_two_a_run(scores: list[float], broken: str) -> None:
    lab = Lab(Control("a", "QC", TARGET))
    lab.read(0.0)
    (opened,) = [row for score in scores for row in lab.read(score)]
    assert f"Westgard's {broken}." in opened.reason


def test_each_control_is_charted_by_itself() -> None:
    lab = Lab(Control("a", "QC", TARGET), Control("a", "QD", TARGET))
    (opened,) = lab.read(4.0)
    (both,) = lab.read(-4.0, "QD")
    assert (both.alert_id, both.rule) == (
        opened.alert_id, "controls on control QC, controls on control QD",
    )  # fmt: skip
    (one,) = in_control(lab, IN_CONTROL_RESULTS)
    assert (one.state, one.rule) == ("open", "controls on control QD")
    assert [row.state for row in in_control(lab, IN_CONTROL_RESULTS, "QD")] == ["recovered"]


def test_a_control_that_is_no_longer_one_holds_nothing_open() -> None:
    lab = Lab(Control("a", "QC", TARGET), Control("a", "QD", TARGET))
    assert lab.read(4.0) and lab.tick(9) == []
    lab.settle(Control("a", "QD", TARGET))
    (closed,) = lab.tick(10)
    assert closed.state == "recovered" and "no longer among the settings" in closed.reason


def test_corrections_other_molecules_and_other_assays_break_nothing() -> None:
    lab = Lab(Control("a", "QC", TARGET), Control("b", "QC", TARGET))
    lab.read(0.5)
    assert lab.read(9.0, event=1) == [], "a correction is no new result"
    assert lab.read(9.0, "M1") == [] and lab.read(9.0, assay="b") == []


def test_a_control_without_a_target_learns_first() -> None:
    lab = Lab(Control("a", "QC"))
    assert in_control(lab, LEARN_RESULTS_MIN - 1) == [] and lab.read(9.0) == []
    assert in_control(lab, 1) == []
    assert [row.state for row in lab.read(60.0)] == ["open"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"controls_per_run": 0}, "controls_per_run must be 1 or more"),
        ({"metric": "rmse"}, "or minimum_significant_ratio, or controls_per_run"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        check_rules([RULE._replace(**changes)])  # type: ignore[arg-type]
