"""The file of results has its shape, and the command line its manners; no other engine needed."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.bench import decode_us, engines_of
from benchmarks.engine import REPOSITORY
from benchmarks.measure import Result
from benchmarks.monitor_cost import MonitorCost, monitor_cost

FIGURES = {"events_per_s", "pairs_found", "pairs_there", "cpu_s_per_million", "peak_mb"}
CEILING = Result("ceiling", 100_000.0, 0, 6, 9.5, 60.0, note="decodes only")
OURS = Result("recalibra", 50_000.0, 6, 6, 30.0, 200.0, 0, 12, "0.1.0")
RESULTS = {
    "join": {"ceiling": CEILING, "quix": Result("quix", error="not installed"), "recalibra": OURS},
    "pipeline": {"ceiling": CEILING, "recalibra": OURS},
}
COST = MonitorCost(37.0, 74.0)
AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def test_results_have_their_shape() -> None:
    found = json.loads(json.dumps(report.as_json(RESULTS, 1, 7.4, COST, AT)))
    assert {"join", "pipeline", "machine", "at"} <= set(found)
    assert all(set(figures) >= FIGURES for name in RESULTS for figures in found[name].values())
    assert found["join"]["recalibra"]["events_per_s"] == 50_000.0
    assert found["join"]["quix"]["events_per_s"] is None
    assert found["join"]["quix"]["error"] == "not installed"
    assert found["ratios"] == {"join": {"ceiling": 0.5}, "pipeline": {"ceiling": 0.5}}
    assert found["monitor"]["process_decodes"] == 5.0
    assert found["at"] == "2026-03-01T12:30:00+00:00"
    assert set(found["machine"]) == {"cores", "memory_gb", "system", "architecture", "python"}


def test_results_are_kept_as_the_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RESULTS_PATH", tmp_path / "results" / "latest.json")
    found = report.as_json(RESULTS, 1, 7.4, COST, AT)
    assert json.loads(report.write(found).read_text()) == found


def test_the_table_says_what_failed_and_what_is_left_out() -> None:
    out = StringIO()
    report.show(RESULTS, 7.4, COST, Console(file=out, width=120))
    assert "quix failed: not installed" in out.getvalue()
    assert "ceiling: decodes only" in out.getvalue()
    assert "0.50" in out.getvalue()
    assert "37 µs (5.0 decodes)" in " ".join(out.getvalue().split())


def test_every_file_of_an_engine_is_one() -> None:
    files = {path.stem for path in (REPOSITORY / "benchmarks" / "engines").glob("[!_]*.py")}
    assert {"recalibra", "faust", "quix", "pathway", "ceiling"} <= files
    assert set(engines_of("join")) == files
    assert set(engines_of("pipeline")) == {"recalibra", "ceiling"}


def test_one_decode_takes_microseconds() -> None:
    assert 0 < decode_us(1) < 10_000


def test_checkpoints_come_on_top_of_what_a_pair_costs() -> None:
    cost = monitor_cost(1)
    assert 0 < cost.process_us < cost.with_checkpoints_us


def test_help_has_examples_and_an_unknown_engine_is_named() -> None:
    runner = CliRunner()
    assert "make bench BENCH=" in runner.invoke(main, ["--help"]).output
    refused = runner.invoke(main, ["--only", "recalibra,flink"])
    assert refused.exit_code == 2
    assert "no engine flink" in refused.output
