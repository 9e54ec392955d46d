"""SAMPL6's logP challenge through the whole topology against its published table."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from connectors.csv_files import read_outcomes, read_predictions
from schemas.codec import Codec
from schemas.events import AssayContext, DeadLetter, Event, Metric, Outcome, Prediction
from schemas.table import SchemaTable
from streams.replay import Replay

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "sampl6"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(),
    reason="needs ../shared/data beside this repository, whose data is not copied into it",
)

ASSAY = "pH-metric octanol logP"
COLUMNS = {
    "rmse": "RMSE",
    "mae": "MAE",
    "r2_pearson": "R2",
    "slope": "m",
    "kendall_tau": "kendall_tau",
}


def rows_of(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


PREDICTIONS, MEASURED = "sampl6_logp_predictions.csv", "sampl6_logp_experimental.csv"


def events() -> list[Prediction | Outcome]:
    context = AssayContext()
    predictions = [
        Prediction(
            *(f"{row['method_id']}-{row['molecule']}", 0, False, row["molecule"], ASSAY, context),
            *(row["method_id"], "1", float(row["calc"])),
        )
        for row in rows_of(PREDICTIONS)
    ]
    outcomes = [
        Outcome(
            *(f"measured-{row['Molecule ID']}", 0, False, row["Molecule ID"], ASSAY, context),
            float(row["logP mean"]),
        )
        for row in rows_of(MEASURED)
    ]
    return [*predictions, *outcomes]


def canonical_csv(folder: Path) -> tuple[Path, Path]:
    predictions, outcomes = folder / "predictions.csv", folder / "outcomes.csv"
    with predictions.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("molecule_id", "assay_id", "model_id", "model_version", "value"))
        for row in rows_of(PREDICTIONS):
            writer.writerow((row["molecule"], ASSAY, row["method_id"], "1", row["calc"]))
    with outcomes.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("molecule_id", "assay_id", "value", "measured_at"))
        for row in rows_of(MEASURED):
            writer.writerow((row["Molecule ID"], ASSAY, row["logP mean"], "2018-03-01T12:00:00Z"))
    return predictions, outcomes


def check_against_the_table(said: Iterable[Event]) -> None:
    found: dict[str, dict[str, float | None]] = {}
    for metric in said:
        if isinstance(metric, Metric) and metric.window == "all":
            assert (metric.assay_id, metric.segment_field) == (ASSAY, None)
            found.setdefault(metric.model_id, {})[metric.metric] = metric.value
    published = rows_of("sampl6_logp_published_statistics.csv")
    assert len(published) == len(found) == 105
    for row in published:
        metrics = found[row["ID"]]
        assert metrics["n"] == 11
        for name, column in COLUMNS.items():
            if row[column] == "":
                assert (row["ID"], name) == ("NULL0", "kendall_tau")
                assert metrics[name] is None
            else:
                assert metrics[name] == pytest.approx(float(row[column]), abs=1e-9), row["ID"]
        # SAMPL publishes outcome - prediction.
        assert metrics["me"] == pytest.approx(-float(row["ME"]), abs=1e-9), row["ID"]
    # Predictions that are one constant explain nothing, and have no rank.
    assert (found["NULL0"]["r2_pearson"], found["NULL0"]["kendall_tau"]) == (0.0, None)


def replayed(given: Iterable[Event]) -> list[Event]:
    return list(Replay(Codec(SchemaTable())).run(given))


def test_events_give_the_published_statistics() -> None:
    check_against_the_table(replayed(events()))


def test_outcomes_first_give_the_same() -> None:
    given: Sequence[Event] = events()
    check_against_the_table(replayed([*given[::-1], *given]))


def test_csv_files_give_the_published_statistics(tmp_path: Path) -> None:
    predictions, outcomes = canonical_csv(tmp_path)
    with read_outcomes(outcomes) as measured, read_predictions(predictions) as predicted:
        given = [*measured, *predicted]
    assert not [event for event in given if isinstance(event, DeadLetter)]
    assert len(given) == 1_155 + 11
    check_against_the_table(replayed(given))
