"""The program as a person or a script calls it."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from streams.settings import REPOSITORY

PROGRAM = [sys.executable, "-m", "streams.cli"]
SAMPL6 = REPOSITORY.parent / "shared" / "data" / "sampl6"
needs_shared_data = pytest.mark.skipif(
    not SAMPL6.is_dir(),
    reason="needs ../shared/data beside this repository, whose data is not copied into it",
)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"} | environment,
        check=False,
    )


@pytest.mark.parametrize("command", ["demo", "up", "worker", "setup", "replay", "query", "status"])
def test_every_command_explains_itself_with_examples(command: str) -> None:
    shown = run(command, "--help")
    assert shown.returncode == 0
    assert "Example" in shown.stdout and f"recalibra {command}" in shown.stdout


def test_without_a_stack_or_an_address_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    done = run("query", "SELECT 1", RECALIBRA_STATE_DIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("recalibra: ") and "recalibra up" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_setting_is_one_sentence() -> None:
    done = run("worker", RECALIBRA_KAFKA_PARTITOINS="4")
    assert done.returncode == 2
    assert "kafka.partitoins" in done.stderr and "Traceback" not in done.stderr


def test_kafka_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    away = {
        "RECALIBRA_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "RECALIBRA_CLICKHOUSE_HOST": "127.0.0.1",
        "RECALIBRA_STATE_DIR": str(tmp_path),
    }
    done = run("setup", **away)
    assert done.returncode == 1
    assert "127.0.0.1:9 does not answer" in done.stderr and "Traceback" not in done.stderr


def sampl6_csv(folder: Path) -> tuple[Path, Path]:
    """The challenge as canonical CSV: 105 methods as models, 11 molecules."""
    predictions, outcomes = folder / "predictions.csv", folder / "outcomes.csv"
    with (SAMPL6 / "sampl6_logp_predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with predictions.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["molecule_id", "assay_id", "model_id", "value", "uncertainty"])
        for row in rows:
            sem = row["calc_sem"]
            writer.writerow([row["molecule"], "logP", row["method_id"], row["calc"], sem])
    with outcomes.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["molecule_id", "assay_id", "value"])
        measured = {row["molecule"]: row["exp"] for row in rows}
        writer.writerows([molecule, "logP", value] for molecule, value in measured.items())
    return predictions, outcomes


@needs_shared_data
def test_replay_reproduces_the_published_table_of_sampl6(tmp_path: Path) -> None:
    predictions, outcomes = sampl6_csv(tmp_path)
    files = ("--predictions", str(predictions), "--outcomes", str(outcomes))
    done = run("replay", *files, "--json")
    assert done.returncode == 0 and done.stderr == ""
    found = {
        (row["model_id"], row["metric"]): row
        for row in map(json.loads, done.stdout.splitlines())
        if row["window"] == "all" and row["segment"] is None
    }
    with (SAMPL6 / "sampl6_logp_published_statistics.csv").open(newline="") as file:
        published = list(csv.DictReader(file))
    columns = {"rmse": "RMSE", "mae": "MAE", "r2_pearson": "R2", "slope": "m"}
    assert len(published) == 105
    for row in published:
        for metric, column in (columns | {"kendall_tau": "kendall_tau"}).items():
            value = found[row["ID"], metric]["value"]
            if row[column] == "":
                assert value is None, "one constant for every molecule has no rank correlation"
            else:
                assert value == pytest.approx(float(row[column]), abs=1e-9), (row["ID"], metric)
        assert found[row["ID"], "n"]["value"] == found[row["ID"], "rmse"]["n"] == 11
        assert found[row["ID"], "me"]["value"] == pytest.approx(-float(row["ME"]), abs=1e-9)


@needs_shared_data
def test_replay_reports_bad_rows_and_goes_on(tmp_path: Path) -> None:
    predictions, outcomes = sampl6_csv(tmp_path)
    with outcomes.open("a") as file:
        file.write("SM02,logP,NaN\nSM99,logP,ten\n")
    files = ("--predictions", str(predictions), "--outcomes", str(outcomes))
    done = run("replay", *files, "--json")
    assert done.returncode == 0
    assert "outcomes.csv, line 13, column value" in done.stderr
    assert "2 bad rows were left out" in done.stderr
    assert len(done.stdout.splitlines()) > 105 * 9


def test_the_story_as_files_gives_the_alert(tmp_path: Path) -> None:
    assert run("demo", "--export", str(tmp_path), "--bad-lot", "LOT-B").returncode == 0
    files = (
        "--predictions", str(tmp_path / "predictions.csv"),
        "--outcomes", str(tmp_path / "outcomes.csv"),
    )  # fmt: skip
    done = run("replay", *files, "--alerts", "--json")
    (alert,) = map(json.loads, done.stdout.splitlines())
    assert (alert["state"], alert["segment"]) == ("open", {"reagent_batch": "LOT-B"})
    table = run("replay", *files, "--alerts")
    assert "LOT-B" in table.stdout
