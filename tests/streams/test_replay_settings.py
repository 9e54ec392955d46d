"""`recalibra replay` goes by the lab's settings, as the stages do."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.commands.replay import command

SETTINGS = """
[[monitor.controls]]
assay_id = "logP"
molecule_id = "QC"
mean = 2.0
sd = 0.1
[[monitor.rules]]
name = "controls"
controls_per_run = 2
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    made = "molecule_id,assay_id,model_id,model_version,value,predicted_at\n"
    seen = "molecule_id,assay_id,value,measured_at\n"
    for name in ("QC", "M1", "M2"):
        made += f"{name},logP,net,1,2.0,2026-03-01T08:00:00Z\n"
    for name, value in (("M1", 2.5), ("M2", 1.5), ("QC", 2.5)):
        seen += f"{name},logP,{value},2026-03-02T09:00:00Z\n"
    Path("p.csv").write_text(made)
    Path("o.csv").write_text(seen)
    return ["--predictions", "p.csv", "--outcomes", "o.csv", "--json"]


def test_controls_and_rules_of_the_settings_count(files: list[str]) -> None:
    Path("recalibra.toml").write_text(SETTINGS)
    (alert,) = map(
        json.loads, CliRunner().invoke(command, [*files, "--alerts"]).output.splitlines()
    )
    assert (alert["state"], alert["kind"]) == ("open", "assay")
    assert "control QC of logP read 2.5, +5.0 SD" in alert["reason"]
    assert counted(files) == {2}, "a control is no result of the model"


def test_without_settings_every_pair_counts(files: list[str]) -> None:
    assert counted(files) == {3}


def test_settings_that_cannot_be_are_one_sentence(files: list[str]) -> None:
    Path("recalibra.toml").write_text("[monitor]\nbaseline_results = 5\n")
    found = CliRunner().invoke(command, files)
    assert found.exit_code != 0 and "monitor.baseline_results" in str(found.exception)


def counted(files: list[str]) -> set[int]:
    rows = [json.loads(line) for line in CliRunner().invoke(command, files).output.splitlines()]
    return {
        row["n"]
        for row in rows
        if (row["metric"], row["window"], row["segment"]) == ("rmse", "all", None)
    }
