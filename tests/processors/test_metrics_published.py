"""Metrics against published tables: SAMPL6's logP challenge and yardstick's examples."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from processors.figures.estimate import Estimate
from processors.hand_till import hand_till
from processors.metrics import compute
from processors.summaries.confusion import Confusion
from processors.summaries.moments import Moments
from processors.summaries.values import Values

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(),
    reason="needs ../shared/data beside this repository, whose data is not copied into it",
)


def rows_of(path: str) -> list[dict[str, str]]:
    with (DATA / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_all_sampl6_methods_equal_the_published_table() -> None:
    pairs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows_of("sampl6/sampl6_logp_predictions.csv"):
        pairs[row["method_id"]].append((float(row["calc"]), float(row["exp"])))
    published = rows_of("sampl6/sampl6_logp_published_statistics.csv")
    assert len(published) == len(pairs) == 105
    columns = {
        "rmse": "RMSE",
        "mae": "MAE",
        "r2_pearson": "R2",
        "slope": "m",
        "kendall_tau": "kendall_tau",
    }
    for row in published:
        window = Moments()
        for p, o in pairs[row["ID"]]:
            window.update(p, o)
        predicted, measured = zip(*pairs[row["ID"]], strict=True)
        found = dict(compute(window, None, Values(predicted, measured)))
        assert found["n"].value == 11
        for name, column in columns.items():
            if row["ID"] == "NULL0" and name == "kendall_tau":
                # One constant for every molecule: the table prints nothing.
                assert found[name].reason == "constant predictions"
                assert row[column] == ""
                continue
            assert found[name].value == pytest.approx(float(row[column]), abs=1e-9), row["ID"]
        # SAMPL publishes outcome - prediction.
        assert found["me"].value == pytest.approx(-float(row["ME"]), abs=1e-9), row["ID"]


def labelled(
    rows: list[dict[str, str]], predicted: str, measured: str, positive: str | None
) -> Confusion:
    window = Confusion(positive)
    for row in rows:
        window.update(row[predicted], row[measured])
    return window


def test_yardstick_two_classes() -> None:
    rows = rows_of("yardstick/yardstick_two_class_example.csv")
    assert len(rows) == 500
    window = labelled(rows, "predicted", "truth", "Class1")
    scores = [float(row["Class1"]) for row in rows]
    values = Values([], [], scores, [row["truth"] for row in rows], "Class1")
    found = dict(compute(None, window, values))
    assert rounded(found["accuracy"]) == 0.838
    assert rounded(found["roc_auc"]) == 0.939
    assert rounded(found["kappa"]) == 0.675


def test_yardstick_four_classes() -> None:
    rows = rows_of("yardstick/yardstick_hpc_cv.csv")
    assert len(rows) == 3_467
    found = dict(compute(None, labelled(rows, "pred", "obs", None)))
    assert rounded(found["precision"]) == rounded(found["macro_precision"]) == 0.631
    # The micro average of precision over all classes is the accuracy.
    assert rounded(found["accuracy"]) == 0.709


def test_yardstick_hand_till_of_ten_folds() -> None:
    folds: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows_of("yardstick/yardstick_hpc_cv.csv"):
        folds[row["Resample"]].append(row)
    found = []
    for _, rows in sorted(folds.items()):
        probabilities = {name: [float(row[name]) for row in rows] for name in ("VF", "F", "M", "L")}
        found.append(rounded(hand_till(probabilities, [row["obs"] for row in rows])))
    assert found == [0.813, 0.817, 0.869, 0.849, 0.811, 0.836, 0.825, 0.846, 0.828, 0.812]


def rounded(estimate: Estimate) -> float:
    assert estimate.value is not None
    return round(estimate.value, 3)
