"""Agreement, probability and macro metrics against NumPy and scikit-learn on generated windows."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from processors.figures.estimate import Estimate
from processors.metrics import all_metrics, compute
from processors.summaries.confusion import Confusion
from processors.summaries.moments import Moments
from processors.summaries.values import Values

CLOSE = 1e-9

reading = st.integers(-20, 20).map(lambda i: i / 2) | st.integers(-999, 999).map(lambda i: i / 100)
labels = st.sampled_from("abcd")
forecasts = st.lists(
    st.tuples(st.integers(0, 20).map(lambda i: i / 20), st.booleans()), min_size=2, max_size=40
)


def of_labels(pairs: list[tuple[str, str]], positive: str | None = None) -> dict[str, Estimate]:
    confusion = Confusion(positive)
    for predicted, measured in pairs:
        confusion.update(predicted, measured)
    return dict(compute(None, confusion))


def agrees(found: Estimate, want: float) -> bool:
    return found.value is None if np.isnan(want) else found.value == pytest.approx(want, abs=CLOSE)


@settings(deadline=None)
@given(st.lists(st.tuples(reading, reading), min_size=2, max_size=30))
def test_concordance_is_lins_formula(pairs: list[tuple[float, float]]) -> None:
    predicted, measured = (np.array(column) for column in zip(*pairs, strict=True))
    bias = (predicted.mean() - measured.mean()) ** 2
    spread = predicted.var() + measured.var() + bias
    assume(spread > 0)
    moments = Moments()
    for pair in pairs:
        moments.update(*pair)
    want = 2 * np.mean((predicted - predicted.mean()) * (measured - measured.mean())) / spread
    assert all_metrics()["concordance"].get(moments).value == pytest.approx(want, abs=CLOSE)


def test_concordances_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    # Of a bivariate normal with correlation .8 and a bias of .5 SD.
    truth, held, runs = 2 * 0.8 / (2 + 0.5**2), 0, 600
    for _ in range(runs):
        moments = Moments()
        for p, o in rng.multivariate_normal([0.0, 0.5], [[1.0, 0.8], [0.8, 1.0]], 60):
            moments.update(float(p), float(o))
        found = all_metrics()["concordance"].get(moments)
        assert found.low is not None and found.high is not None
        held += found.low <= truth <= found.high
    assert 0.92 <= held / runs <= 0.97


@settings(deadline=None)
@given(forecasts)
def test_brier_is_that_of_scikit_learn(pairs: list[tuple[float, bool]]) -> None:
    probability, truth = zip(*pairs, strict=True)
    assume(len(set(truth)) == 2)
    values = Values(probability=probability, label=["hit" if t else "miss" for t in truth])
    want = sklearn.metrics.brier_score_loss(truth, probability)
    assert all_metrics()["brier"].get(values).value == pytest.approx(want, abs=CLOSE)


@settings(deadline=None)
@given(forecasts)
def test_calibration_error_is_that_of_bins_one_by_one(pairs: list[tuple[float, bool]]) -> None:
    assume(any(truth for _, truth in pairs))
    want = 0.0
    for number in range(10):
        # Twentieths, so that ends of bins are met; the bin holds its upper end.
        held = [
            (p, t)
            for p, t in pairs
            if 2 * number < round(p * 20) <= 2 * number + 2 or (number == 0 and p == 0)
        ]
        if held:
            stated, hits = (np.mean([float(pair[i]) for pair in held]) for i in (0, 1))
            want += len(held) / len(pairs) * abs(stated - hits)
    label = ["hit" if truth else "miss" for _, truth in pairs]
    found = all_metrics()["calibration_error"].get(Values((), (), [p for p, _ in pairs], label))
    assert found.value == pytest.approx(want, abs=CLOSE)


@settings(deadline=None)
@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=30))
def test_macro_metrics_and_kappa_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    predicted, measured = zip(*pairs, strict=True)
    found = of_labels(pairs)
    options = {"average": "macro", "zero_division": np.nan}
    for name, metric in {
        "macro_precision": sklearn.metrics.precision_score,
        "macro_recall": sklearn.metrics.recall_score,
        "macro_f1": sklearn.metrics.f1_score,
    }.items():
        assert agrees(found[name], metric(measured, predicted, **options))
    if len({*predicted, *measured}) > 1:
        assert agrees(found["kappa"], sklearn.metrics.cohen_kappa_score(measured, predicted))
    # Over pairs instead of classes all are the accuracy.
    for metric in ("precision_score", "recall_score", "f1_score"):
        micro = getattr(sklearn.metrics, metric)(measured, predicted, average="micro")
        assert agrees(found["accuracy"], micro)


@settings(deadline=None)
@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=30), labels)
def test_f1_and_false_negatives_are_those_of_scikit_learn(
    pairs: list[tuple[str, str]], positive: str
) -> None:
    predicted, measured = zip(*pairs, strict=True)
    found = of_labels(pairs, positive)
    options = {"labels": [positive], "average": None, "zero_division": np.nan}
    assert agrees(found["f1"], sklearn.metrics.f1_score(measured, predicted, **options)[0])
    want = sklearn.metrics.fbeta_score(measured, predicted, beta=0.5, **options)[0]
    assert agrees(found["f0_5"], want)
    table = sklearn.metrics.multilabel_confusion_matrix(measured, predicted, labels=[positive])
    assert found["false_negatives"].value == table[0, 1, 0]
