"""The exam every metric sits: what it declares, and a defined answer to every window."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import processors.metrics
from processors.figures.estimate import Estimate
from processors.metrics import all_metrics, compute
from processors.summaries.confusion import Confusion
from processors.summaries.moments import Moments
from processors.summaries.summary import Summary
from processors.summaries.values import Values

FOLDER = Path(processors.metrics.__file__).parent

NUMERIC: dict[str, list[tuple[float, float]]] = {
    "empty": [],
    "one pair": [(1.0, 2.0)],
    "two pairs": [(1.0, 2.0), (2.0, 2.5)],
    "three pairs": [(1.0, 2.0), (2.0, 2.5), (2.5, 2.25)],
    "perfect": [(float(i), float(i)) for i in range(6)],
    "constant outcomes": [(float(i), 2.0) for i in range(6)],
    "constant predictions": [(2.0, float(i)) for i in range(6)],
    "all constant": [(2.0, 2.0)] * 6,
    "ties": [(1.0, 1.0), (1.0, 2.0), (2.0, 2.0), (2.0, 1.0), (1.0, 1.0)],
    "reversed": [(float(i), -float(i)) for i in range(6)],
    "huge": [(1e308, -1e308), (-1e308, 1e308), (1e308, 1e300), (0.0, 1.0), (3.0, 2.0)],
    "tiny": [(5e-324, 1e-323), (0.0, 5e-324), (1e-310, 2e-310), (0.0, 0.0)],
    "wide": [(1e300, 1e-300), (1e-300, 1e300), (0.0, 1.0)],
    "minus zero": [(-0.0, 0.0), (0.0, -0.0)],
}
LABELLED: dict[str, list[tuple[str, str]]] = {
    "empty": [],
    "one pair": [("hit", "miss")],
    "one class only": [("no", "no")] * 4,
    "one positive class only": [("hit", "hit")] * 4,
    "never predicted": [("miss", "hit"), ("miss", "miss")],
    "never measured": [("hit", "miss"), ("miss", "miss")],
    "all wrong": [("hit", "miss"), ("miss", "hit")] * 3,
    "all right": [("hit", "hit"), ("miss", "miss")] * 3,
    "three classes": [("a", "b"), ("b", "b"), ("c", "a"), ("a", "a")],
    "three classes, all wrong": [("a", "b"), ("b", "c"), ("c", "a")],
}
PROBABILITIES: dict[str, tuple[list[float], list[str]]] = {
    "empty": ([], []),
    "one pair": ([0.5], ["hit"]),
    "one class only": ([0.1, 0.9], ["hit", "hit"]),
    "ties": ([0.5] * 4, ["hit", "miss"] * 2),
    "separated": ([0.1, 0.2, 0.8], ["miss", "miss", "hit"]),
    "inverted": ([0.9, 0.8, 0.1], ["miss", "miss", "hit"]),
    "three classes": ([0.1, 0.2, 0.3], ["a", "b", "c"]),
}


def windows_for(needs: type[Summary]) -> list[Summary]:
    windows: list[Summary] = []
    for pairs in NUMERIC.values():
        moments = Moments()
        for p, o in pairs:
            moments.update(p, o)
        windows += [moments, Values([p for p, _ in pairs], [o for _, o in pairs])]
    for labels in LABELLED.values():
        for positive in (None, "hit", "absent"):
            confusion = Confusion(positive)
            for predicted, measured in labels:
                confusion.update(predicted, measured)
            windows.append(confusion)
    for probability, label in PROBABILITIES.values():
        for positive in (None, "hit", "absent"):
            windows.append(Values([], [], probability, label, positive))
    return [window for window in windows if isinstance(window, needs)]


def check(estimate: Estimate) -> None:
    # NumPy's own numbers are no JSON.
    for number in (estimate.value, estimate.low, estimate.high):
        assert number is None or type(number) is float
    value, low, high, n, reason = estimate
    assert n >= 0
    assert (value is None) == bool(reason)
    assert (low is None) == (high is None)
    if value is None:
        assert low is None
    else:
        assert math.isfinite(value)
        assert math.copysign(1.0, value) == 1.0 or value < 0
    if value is not None and low is not None and high is not None:
        assert low <= value <= high
        assert math.isfinite(low)
        assert math.isfinite(high)


def test_every_file_is_a_metric_and_every_metric_a_file() -> None:
    files = {file.stem for file in FOLDER.glob("[!_]*.py")}
    assert set(all_metrics()) == files
    assert {
        *("n", "rmse", "mae", "me", "r2", "r2_pearson", "slope", "kendall_tau"),
        *("accuracy", "precision", "recall", "f2", "roc_auc"),
    } <= files


@pytest.mark.parametrize("name", all_metrics())
def test_declares_what_a_metric_must(name: str) -> None:
    metric = all_metrics()[name]
    assert metric.UNIT in {"value", "1"}
    assert metric.BIGGER_IS_BETTER in {True, False, None}
    assert issubclass(metric.NEEDS, Summary)
    assert metric.get.__doc__ is not None
    assert ">>>" in metric.get.__doc__


@pytest.mark.parametrize("name", all_metrics())
def test_answers_every_window(name: str) -> None:
    metric = all_metrics()[name]
    windows = windows_for(metric.NEEDS)
    assert len(windows) >= len(LABELLED)
    for window in windows:
        estimate = metric.get(window)
        assert isinstance(estimate, Estimate)
        check(estimate)
    if name != "n":
        assert metric.get(metric.NEEDS()).reason == "no pairs"


doubles = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(st.lists(st.tuples(doubles, doubles), max_size=8))
def test_answers_any_numbers(pairs: list[tuple[float, float]]) -> None:
    moments = Moments()
    for p, o in pairs:
        moments.update(p, o)
    values = Values([p for p, _ in pairs], [o for _, o in pairs])
    for _, estimate in compute(moments, None, values):
        check(estimate)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), max_size=8),
    st.sampled_from([None, "a", "c"]),
)
def test_answers_any_labels(pairs: list[tuple[str, str]], positive: str | None) -> None:
    confusion = Confusion(positive)
    for predicted, measured in pairs:
        confusion.update(predicted, measured)
    for _, estimate in compute(None, confusion):
        check(estimate)


@pytest.mark.parametrize(
    ("name", "window", "reason"),
    [
        ("r2", "one pair", "one pair"),
        ("slope", "one pair", "one pair"),
        ("r2", "constant outcomes", "constant outcomes"),
        ("r2_pearson", "constant outcomes", "constant outcomes"),
        ("r2_pearson", "constant predictions", None),
        ("slope", "constant outcomes", "constant outcomes"),
        ("me", "huge", None),
        ("rmse", "huge", None),
        ("mae", "two pairs", None),
    ],
)
def test_reasons_of_numbers(name: str, window: str, reason: str | None) -> None:
    moments = Moments()
    for p, o in NUMERIC[window]:
        moments.update(p, o)
    assert all_metrics()[name].get(moments).reason == reason


def test_figures_beyond_a_double_are_undefined() -> None:
    moments = Moments()
    moments.update(1.7e308, -1.7e308)
    assert dict(compute(moments, None))["me"].reason == "beyond the range of a double"


@pytest.mark.parametrize(
    ("name", "window", "reason"),
    [
        ("precision", "one class only", "one class only"),
        ("precision", "one positive class only", None),
        ("precision", "never predicted", "nothing predicted positive"),
        ("recall", "never measured", "nothing measured positive"),
        ("f2", "never measured", None),
        ("accuracy", "one class only", None),
    ],
)
def test_reasons_of_labels(name: str, window: str, reason: str | None) -> None:
    confusion = Confusion()
    for predicted, measured in LABELLED[window]:
        confusion.update(predicted, measured)
    assert all_metrics()[name].get(confusion).reason == reason


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        ("one pair", "one class only"),
        ("one class only", "one class only"),
        ("three classes", "more than two classes"),
        ("ties", None),
    ],
)
def test_reasons_of_probabilities(window: str, reason: str | None) -> None:
    probability, label = PROBABILITIES[window]
    values = Values(probability=probability, label=label)
    assert all_metrics()["roc_auc"].get(values).reason == reason


def test_compute_gives_only_what_applies_in_order() -> None:
    moments, confusion = Moments(), Confusion()
    assert compute(moments, confusion) == compute(None, None) == []
    moments.update(1.0, 2.0)
    numeric = {"concordance", "mae", "me", "n", "r2", "r2_pearson", "rmse", "slope"}
    of_classes = {"f1", "precision", "recall"}
    labelled = of_classes | {"macro_" + name for name in of_classes}
    labelled |= {"accuracy", "f2", "f0_5", "false_negatives", "kappa"}
    assert {name for name, _ in compute(moments, confusion)} == numeric
    confusion.update("hit", "hit")
    confusion.update("hit", "miss")
    assert {name for name, _ in compute(None, confusion)} == labelled | {"n"}
    assert dict(compute(moments, confusion))["n"].value == 1.0
    numbers_only = Values([1.0, 2.0], [1.0, 2.0])
    assert {name for name, _ in compute(moments, None, numbers_only)} == numeric | {"kendall_tau"}
    both = Values([1.0, 2.0], [1.0, 2.0], [0.5, 0.1], ["hit", "miss"])
    names = [name for name, _ in compute(moments, confusion, both)]
    assert set(names) == set(all_metrics())
    assert all(a < b for a, b in pairwise(names))
