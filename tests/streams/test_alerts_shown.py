"""`recalibra alerts list` and `show`, over a real ClickHouse; the charts without one."""

import json
import random
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from alert_examples import ALERT, alert
from click.testing import CliRunner, Result
from pydantic import SecretStr

from schemas.errors import UserError
from schemas.events import Alert, AssayContext, FactorEffect, Outcome, Pair, Prediction
from streams.addresses import with_stack
from streams.alerts import chart, words
from streams.alerts.factors import factor_table
from streams.alerts.rows import AlertRows, Evidence, Wanted
from streams.alerts.rows import Result as Measured
from streams.clickhouse_access import asking, make_sink
from streams.commands import alerts as command
from streams.local.stack import LocalStack
from streams.settings import Settings

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ONSET = BEGIN + timedelta(hours=60)
WIDTH = 80


def us(at: datetime) -> int:
    return int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000


def pair(number: int, error: float, lot: str, status: str = "paired") -> Pair:
    at = us(BEGIN + timedelta(hours=number))
    made = Prediction(f"p{number}", 0, False, f"M{number}", "logP", AssayContext(), "net", "1")
    seen = Outcome(
        f"o{number}", 0, False, f"M{number}", "logP", AssayContext(lot), 1.0, measured_at=at
    )
    return Pair(f"pair{number}", 1, status, "pIC50", 1.0 + error, 1.0, made, seen)


ERRORS = [random.Random(3).gauss(0, 1) + (2.0 if i >= 60 and i % 2 else 0) for i in range(100)]
PAIRS = [pair(i, error, "L7" if i % 2 else "L6") for i, error in enumerate(ERRORS)]
OPEN = alert(
    "abcd1111", 9, segment_field="reagent_batch", segment_value="L7", since=us(ONSET), n=20,
    effect_low=1.1, effect_high=2.9, effect_sd=2.0, severity="critical", kind="assay",
    factors=(
        FactorEffect("reagent_batch", "L7", True, 2.0, 1.1, 2.9, 20, 3e-6),
        *(FactorEffect("operator", f"o{n}", False, -0.1, -0.5, 0.3, 9, 0.8) for n in range(5)),
        FactorEffect("instrument", "I9", False, None, None, None, 7, 1.0, ("operator=dee",)),
    ),
)  # fmt: skip
ALERTS = [
    OPEN._replace(row_version=3, state="warning"),
    OPEN,
    alert("abcd2222", 1, assay_id="hERG", since=us(BEGIN - timedelta(days=90))),
    alert("abcd2222", 2, "recovered", assay_id="hERG", since=us(BEGIN - timedelta(days=90))),
    alert("cafe0001", 1, "acknowledged", model_id="tree", tied=("operator=ann", "instrument=i2")),
    alert("beef0001", 1, "healthy", model_id="tree"),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with LocalStack(tmp_path_factory.mktemp("alerts"), kafka=False) as stack:
        found = with_stack(Settings(), stack.addresses)
        sink = make_sink(found.clickhouse)
        sink.ensure_tables()
        sink.write("alerts", ALERTS, "alerts")
        late = pair(200, 50.0, "L7", "retrospective")
        sink.write("pairs", [*PAIRS, late], "pairs")
        sink.close()
        yield with_stack(Settings(), stack.addresses, "analyst")


@pytest.fixture
def rows(settings: Settings) -> Iterator[AlertRows]:
    with asking(settings.clickhouse) as client:
        yield AlertRows(client)


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)
    for name, value in settings.clickhouse:
        if value is not None:
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            monkeypatch.setenv(f"RECALIBRA_CLICKHOUSE_{name.upper()}", text)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(command.command, arguments)

    return invoke


def ids(alerts: list[Alert]) -> list[str]:
    return [one.alert_id for one in alerts]


def test_the_open_ones_come_first_and_the_healthy_only_when_asked(rows: AlertRows) -> None:
    total, found = rows.wanted(Wanted(), 10)
    assert (total, ids(found)) == (3, ["abcd1111", "cafe0001", "abcd2222"])
    assert found[0] == OPEN, "an alert came back other than it went in"
    assert ids(rows.wanted(Wanted(states=("healthy",)), 10)[1]) == ["beef0001"]
    assert rows.wanted(Wanted(), 1)[0] == 3


def test_filters(rows: AlertRows) -> None:
    assert ids(rows.wanted(Wanted(model="tree"), 10)[1]) == ["cafe0001"]
    assert ids(rows.wanted(Wanted(assay=" hERG "), 10)[1]) == ["abcd2222"]
    assert ids(rows.wanted(Wanted(since=BEGIN), 10)[1]) == ["abcd1111", "cafe0001"]


def test_the_beginning_of_an_id_names_an_alert(rows: AlertRows) -> None:
    assert rows.find("abcd1") == OPEN
    assert rows.states(OPEN) == ["warning", "open"]
    for prefix, said in (("abcd", "several"), ("ffff", "no alert"), ("abc", "too short")):
        with pytest.raises(UserError, match=said):
            rows.find(prefix)


def test_the_evidence_is_what_the_pairs_say(rows: AlertRows) -> None:
    evidence = rows.evidence(OPEN)
    assert [r.error for r in evidence.before] == pytest.approx(ERRORS[:60])
    assert [r.error for r in evidence.since] == pytest.approx(ERRORS[60:])
    assert [r.affected for r in evidence.since] == [i % 2 == 1 for i in range(60, 100)]
    assert evidence.n == 60 and evidence.unit == "pIC50" and not evidence.labels
    assert evidence.mean == pytest.approx(fmean(ERRORS[:60]))
    assert evidence.sd == pytest.approx(stdev(ERRORS[:60]))


def test_results_of_a_run_or_of_a_model_version_are_affected(rows: AlertRows) -> None:
    day = ONSET.date()
    of_the_day = rows.evidence(OPEN._replace(segment_field="run", segment_value=str(day)))
    assert [r.affected for r in of_the_day.since] == [
        r.measured_at.date() == day for r in of_the_day.since
    ]
    assert {r.affected for r in of_the_day.since} == {True, False}
    of_the_version = rows.evidence(OPEN._replace(segment_field="model_version", segment_value="1"))
    assert {r.affected for r in of_the_version.since} == {True}


def test_list_on_a_terminal_of_80_columns(run: Any) -> None:
    shown = run("list")
    assert shown.exit_code == 0, shown.output
    lines = shown.output.rstrip().splitlines()
    assert lines[0].split() == ["abcd1111", "open,", "critical", "net", "1", "in", "logP"]
    assert "L7" in lines[1] and lines[-1] == "3 alerts"
    assert max(map(len, lines)) <= WIDTH
    assert "\x1b" not in shown.output


def test_list_for_programs(run: Any) -> None:
    said = [json.loads(line) for line in run("list", "--json").output.splitlines()]
    assert [one["alert_id"] for one in said] == ["abcd1111", "cafe0001", "abcd2222"]
    assert said[0]["since"] == "2026-01-03T12:00:00Z" and said[1]["tied"] == [
        "operator=ann",
        "instrument=i2",
    ]


def test_show_tells_all_a_person_needs(run: Any, tmp_path: Path) -> None:
    page = tmp_path / "alert.html"
    shown = run("show", "abcd1", "--html", str(page))
    assert shown.exit_code == 0, shown.output
    for part in (
        OPEN.reason[:40], "the assay: controls moved, too", "2026-01-03 12:00 UTC",
        "reagent batch L7", "+2 baseline SD (95 % interval +1.1 to +2.9)", "M61, M63",
        "warning → open", "recalibra alerts ack abcd1111",
        "--field reagent_batch --value L7 --from 2026-01-03", "2026-01-01", "● reagent batch L7",
        "mean of the 60 results before", "and 1 more in --json",
    ):  # fmt: skip
        assert part in shown.output, part
    judged = [line.split() for line in shown.output.splitlines() if line[:1] in "●·"]
    assert judged[:2] == [
        ["●", "reagent", "batch", "L7", "+2", "+1.1", "to", "+2.9", "20", "3e-06"],
        ["·", "operator", "o0", "−0.1", "−0.5", "to", "+0.3", "9", "0.8"],
    ]
    assert "\x1b" not in shown.output
    assert "reagent batch L7" in page.read_text() and "http" not in page.read_text()


def test_the_name_of_an_alias_is_shown_as_it_is() -> None:
    lot = OPEN.factors[0]._replace(value="L_7", aliased_with=("operator=dee_2=x",))
    table = factor_table(OPEN._replace(factors=(lot,)))
    assert table is not None
    (name,) = table.columns[0].cells
    assert str(name) == "● reagent batch L_7 (or operator dee_2=x)"


def test_show_for_programs(run: Any) -> None:
    said = json.loads(run("show", "abcd1", "--json").output)
    assert len(said["pairs"]) == 100 and said["states"] == ["warning", "open"]
    assert said["pairs"][0]["error"] == pytest.approx(ERRORS[0])
    assert [each["is_cause"] for each in said["factors"]] == [True] + [False] * 6
    assert said["factors"][0]["adjusted_p"] == 3e-6


def test_an_alert_without_pairs_is_shown_without_a_chart(run: Any) -> None:
    shown = run("show", "cafe")
    assert shown.exit_code == 0 and "no chart" in shown.output
    assert "operator=ann, instrument=i2 (cannot be told apart)" in " ".join(shown.output.split())


def measured(errors: list[float], lot: bool = False) -> list[Measured]:
    return [
        Measured(BEGIN + timedelta(hours=i), error, f"M{i}", lot) for i, error in enumerate(errors)
    ]


def evidence(before: list[float], since: list[float], labels: bool = False) -> Evidence:
    known = len(before) > 1
    mean, sd = (fmean(before), stdev(before)) if known else (None, None)
    return Evidence(measured(before), measured(since, True), len(before), mean, sd, None, labels)


@pytest.mark.parametrize(
    "found",
    [
        evidence([1.0] * 30, [1.0] * 30),
        evidence([], [1.0, 2.0, 3.0]),
        evidence([0.0, 1e9, 0.1, 0.2, -0.1], [5.0]),
        evidence([0.5, 0.1], []),
        evidence([0.0, 1.0] * 20, [1.0] * 20, labels=True),
        evidence(ERRORS[:60] * 3, ERRORS[60:] * 6),
    ],
)
@pytest.mark.parametrize("width", [80, 40])
def test_a_chart_fits_whatever_the_errors_are(found: Evidence, width: int) -> None:
    picture = chart.chart(found, "reagent batch L7", width)
    assert picture is not None
    plain = re.sub(r"\x1b\[[0-9;]*m", "", picture)
    assert max(map(len, plain.splitlines())) <= width
    assert chart.caption(found)


def test_an_outlier_does_not_flatten_the_others() -> None:
    found = evidence([*ERRORS[:59], 1e9], ERRORS[60:])
    found = found._replace(mean=0.0, sd=1.0)
    picture = chart.chart(found, None, WIDTH)
    assert picture is not None and "1 of 100 lie outside the picture" in picture
    assert "e+" not in picture and "000000" not in picture


def test_nothing_to_draw() -> None:
    assert chart.chart(evidence([], []), None, WIDTH) is None
    assert chart.chart(evidence([1.0], []), None, WIDTH) is None


def test_what_a_terminal_would_obey_is_shown_as_text() -> None:
    assert words.printable("a\x1b[31mb\u202e") == "a\\x1b[31mb\\u202e"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"segment_field": "operator", "segment_value": "ann"}, "another operator"),
        ({"tied": ("operator=ann", "instrument=i2")}, "only one of the tied"),
        ({"kind": "model"}, "retrain net"),
        ({"kind": "chemistry"}, "do not rely"),
        ({}, "first run"),
        ({"segment_field": "run", "segment_value": "I1 2026-01-03"}, "of that run again"),
        ({"segment_field": "model_version", "segment_value": "1"}, "another version of net"),
        ({"state": "recovered"}, "nothing"),
        ({"state": "no_labels"}, "send outcomes"),
    ],
)
def test_what_to_do(changes: dict[str, Any], said: str) -> None:
    assert said in words.to_do(ALERT._replace(**changes))[0]


@pytest.mark.parametrize("field", ["reagent_batch", "run", "model_version"])
def test_the_plan_that_is_advised_is_one_that_the_command_takes(field: str) -> None:
    alert = ALERT._replace(segment_field=field, segment_value="L 7")
    (advice,) = [line for line in words.to_do(alert) if "alerts plan" in line]
    words_of_it = shlex.split(advice.partition("recalibra alerts plan ")[2])
    plan = command.command.commands["plan"]
    with plan.make_context("plan", words_of_it) as context:
        assert context.params["assay"] == "logP"
