"""`recalibra assay` on outcomes that rest in ClickHouse."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.events import AssayContext, Outcome
from streams.addresses import as_environment, with_stack
from streams.clickhouse_access import make_sink
from streams.local.stack import LocalStack
from streams.settings import Settings
from streams.settings.lab import ControlSettings

MSR = Path(__file__).resolve().parents[2].parent / "shared/data/msr/MSR3data32.csv"
needs_data = pytest.mark.skipif(
    not MSR.exists(),
    reason="needs ../shared/data beside this repository, whose data is not copied into it",
)
DAY_US = 86_400_000_000
START_US = 20_000 * DAY_US
# Of a control with mean 10 and SD 2: the fourth is beyond 3 SD, the last two of a run beyond 2.
CONTROL_VALUES = [(0, 10.0), (0, 12.0), (1, 9.0), (1, 17.0), (2, 14.5), (2, 15.0)]


def outcome(number: int, molecule: str, assay: str, day: int, value: float) -> Outcome:
    at = START_US + day * DAY_US + number
    context = AssayContext(instrument="I1")
    return Outcome(f"o{number}", 0, False, molecule, assay, context, value, measured_at=at)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("assay")
    outcomes: list[Outcome] = []
    for row in csv.DictReader(MSR.read_text("utf-8").splitlines()) if MSR.exists() else ():
        for day, column in enumerate(("Exp1", "Exp2")):
            number = len(outcomes)
            outcomes.append(outcome(number, row["Sample"], "IC50", day, float(row[column])))
    for day, value in CONTROL_VALUES:
        outcomes.append(outcome(len(outcomes), "QC", "logP", day, value))
    with LocalStack(folder, kafka=False) as stack:
        settings = with_stack(Settings(state_dir=folder), stack.addresses)
        sink = make_sink(settings.clickhouse)
        sink.ensure_tables()
        sink.write("outcomes", outcomes, "all of them")
        sink.close()
        control = ControlSettings(assay_id="logP", molecule_id="QC", mean=10, sd=2)
        monitor = settings.monitor.model_copy(update={"controls": (control,)})
        yield settings.model_copy(update={"monitor": monitor})


def told(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "assay", *words],
        env={**os.environ, **as_environment(settings), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def record(settings: Settings, *words: str) -> dict[str, Any]:
    done = told(settings, *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@needs_data
def test_the_published_ratio_comes_out(settings: Settings) -> None:
    found = record(settings, " IC50 ", "--linear")
    assert found["molecules_measured_again"] == 32
    # The worked example of the Assay Guidance Manual's statistics: MSR 2.53, mean ratio 1.06.
    assert found["minimum_significant_ratio"]["value"] == pytest.approx(2.53, abs=0.005)
    assert found["mean_ratio"]["value"] == pytest.approx(1.06, abs=0.005)
    halved = record(settings, "IC50", "--linear", "--replicates", "4")
    assert halved["noise_floor"] == pytest.approx(found["noise_floor"] / 2)


def test_a_control_that_breaks_rules_is_drawn_and_named(settings: Settings) -> None:
    (control,) = record(settings, "logP")["controls"]
    broken = [(r["score"], r["rejected_by"]) for r in control["results"] if r["rejected_by"]]
    assert broken == [(3.5, ["1_3s"]), (2.5, ["2_2s"])]
    done = told(settings, "logP")
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert "control QC: 6 results, target 10 with SD 2, 2 break a Westgard rule:" in words
    assert "QC: SD from the target" in done.stdout and "breaks a rule" in done.stdout
    assert "fewer than two molecules measured again" in words
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_an_assay_that_is_not_there_is_one_sentence(settings: Settings) -> None:
    done = told(settings, "logD")
    assert done.returncode == 2
    assert "there are no outcomes of logD" in done.stderr
