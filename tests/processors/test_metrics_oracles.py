"""Metrics against NumPy, SciPy and scikit-learn on generated windows, ties and constants in."""

import random

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from processors.figures.estimate import Estimate
from processors.metrics import all_metrics, compute
from processors.summaries.confusion import Confusion
from processors.summaries.moments import Moments
from processors.summaries.values import Values

CLOSE = 1e-9

# Halves and hundredths: many ties, and numbers that doubles do not hold exactly.
reading = st.integers(-20, 20).map(lambda i: i / 2) | st.integers(-999, 999).map(lambda i: i / 100)
readings = st.lists(st.tuples(reading, reading), min_size=2, max_size=30)


def numeric(pairs: list[tuple[float, float]]) -> dict[str, Estimate]:
    moments = Moments()
    for p, o in pairs:
        moments.update(p, o)
    return dict(compute(moments, None, Values([p for p, _ in pairs], [o for _, o in pairs])))


@settings(deadline=None)
@given(readings)
def test_errors_are_those_of_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    predicted, measured = (np.array(column) for column in zip(*pairs, strict=True))
    found = numeric(pairs)
    assert found["n"].value == len(pairs)
    want = sklearn.metrics.root_mean_squared_error(measured, predicted)
    assert found["rmse"].value == pytest.approx(want, abs=CLOSE)
    want = sklearn.metrics.mean_absolute_error(measured, predicted)
    assert found["mae"].value == pytest.approx(want, abs=CLOSE)
    assert found["me"].value == pytest.approx(np.mean(predicted - measured), abs=CLOSE)
    if np.ptp(measured):
        want = sklearn.metrics.r2_score(measured, predicted)
        assert found["r2"].value == pytest.approx(want, rel=CLOSE, abs=CLOSE)
    else:
        assert found["r2"].reason == "constant outcomes"


@settings(deadline=None)
@given(readings)
def test_line_and_ranks_are_those_of_scipy(pairs: list[tuple[float, float]]) -> None:
    predicted, measured = (np.array(column) for column in zip(*pairs, strict=True))
    assume(np.ptp(measured) > 0)
    found = numeric(pairs)
    line = scipy.stats.linregress(measured, predicted)
    assert found["slope"].value == pytest.approx(line.slope, rel=CLOSE, abs=CLOSE)
    if len(pairs) > 2:
        # From the residuals: linregress's own standard error cancels where the fit is perfect.
        residuals = predicted - line.intercept - line.slope * measured
        variance = (
            np.sum(residuals**2) / (len(pairs) - 2) / np.sum((measured - measured.mean()) ** 2)
        )
        half = scipy.stats.t.ppf(0.975, len(pairs) - 2) * np.sqrt(variance)
        ends = (found["slope"].low, found["slope"].high)
        assert ends == pytest.approx((line.slope - half, line.slope + half), abs=CLOSE)
    if np.ptp(predicted):
        assert found["r2_pearson"].value == pytest.approx(line.rvalue**2, abs=CLOSE)
        tau = scipy.stats.kendalltau(measured, predicted).statistic
        assert found["kendall_tau"].value == pytest.approx(tau, abs=CLOSE)
    else:
        assert found["r2_pearson"].value == 0
        assert found["kendall_tau"].reason == "constant predictions"


@settings(deadline=None)
@given(readings)
def test_intervals_of_means_are_those_of_scipy(pairs: list[tuple[float, float]]) -> None:
    errors = np.array([p - o for p, o in pairs])
    found = numeric(pairs)
    ends = scipy.stats.ttest_1samp(errors, 0.0).confidence_interval() if np.ptp(errors) else None
    if ends is not None:
        me = found["me"]
        assert (me.low, me.high) == pytest.approx((ends.low, ends.high), abs=1e-7)
    sizes = np.abs(errors)
    half = scipy.stats.t.ppf(0.975, len(pairs) - 1) * scipy.stats.sem(sizes)
    want = (max(0.0, sizes.mean() - half), sizes.mean() + half)
    assert (found["mae"].low, found["mae"].high) == pytest.approx(want, abs=1e-7)


two_classes = st.tuples(st.sampled_from(["off", "on"]), st.sampled_from(["off", "on"]))
four_classes = st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"))


def labelled(pairs: list[tuple[str, str]], positive: str | None) -> dict[str, Estimate]:
    confusion = Confusion(positive)
    for predicted, measured in pairs:
        confusion.update(predicted, measured)
    return dict(compute(None, confusion))


def agrees(found: Estimate, want: float) -> bool:
    return found.value is None if np.isnan(want) else found.value == pytest.approx(want, abs=CLOSE)


@settings(deadline=None)
@given(st.lists(two_classes, min_size=1, max_size=30), st.sampled_from(["off", "on"]))
def test_two_classes_are_those_of_scikit_learn(pairs: list[tuple[str, str]], positive: str) -> None:
    predicted, measured = zip(*pairs, strict=True)
    found = labelled(pairs, positive)
    assert found["accuracy"].value == sklearn.metrics.accuracy_score(measured, predicted)
    options = {"labels": [positive], "average": None, "zero_division": np.nan}
    [precision] = sklearn.metrics.precision_score(measured, predicted, **options)
    [recall] = sklearn.metrics.recall_score(measured, predicted, **options)
    [f2] = sklearn.metrics.fbeta_score(measured, predicted, beta=2, **options)
    assert agrees(found["precision"], precision)
    assert agrees(found["recall"], recall)
    assert agrees(found["f2"], f2)
    assert found["precision"].n == predicted.count(positive)
    assert found["recall"].n == measured.count(positive)
    if {*predicted, *measured} == {"off", "on"} and positive == "on":
        assert labelled(pairs, None) == found


@settings(deadline=None)
@given(st.lists(four_classes, min_size=1, max_size=30))
def test_more_classes_are_macro_averages_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    predicted, measured = zip(*pairs, strict=True)
    assume(len({*predicted, *measured}) > 2)
    found = labelled(pairs, None)
    options = {"average": "macro", "zero_division": np.nan}
    assert agrees(
        found["precision"], sklearn.metrics.precision_score(measured, predicted, **options)
    )
    assert agrees(found["recall"], sklearn.metrics.recall_score(measured, predicted, **options))
    want = sklearn.metrics.fbeta_score(measured, predicted, beta=2, **options)
    assert agrees(found["f2"], want)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=2, max_size=40))
def test_auc_is_that_of_scikit_learn(pairs: list[tuple[int, bool]]) -> None:
    scores = [tenths / 10 for tenths, _ in pairs]
    truth = [positive for _, positive in pairs]
    assume(len(set(truth)) == 2)
    values = Values(probability=scores, label=["active" if t else "inactive" for t in truth])
    found = all_metrics()["roc_auc"].get(values)
    assert found.value == pytest.approx(sklearn.metrics.roc_auc_score(truth, scores), abs=CLOSE)


def test_a_stated_positive_is_held_against_the_rest() -> None:
    label = ["a", "b", "c", "a", "c", "b"]
    scores = [0.9, 0.2, 0.4, 0.6, 0.7, 0.1]
    values = Values(probability=scores, label=label, positive="a")
    want = sklearn.metrics.roc_auc_score([name == "a" for name in label], scores)
    assert all_metrics()["roc_auc"].get(values).value == pytest.approx(want, abs=CLOSE)
    found = labelled(list(zip("aabcca", label, strict=True)), "a")
    want = sklearn.metrics.precision_score(label, list("aabcca"), labels=["a"], average=None)[0]
    assert found["precision"].value == pytest.approx(want, abs=CLOSE)


@settings(deadline=None)
@given(readings, st.randoms(use_true_random=False))
def test_order_changes_no_bit(pairs: list[tuple[float, float]], shuffler: random.Random) -> None:
    before = numeric(pairs)
    shuffler.shuffle(pairs)
    assert numeric(pairs) == before


def test_a_large_offset_costs_no_digit() -> None:
    """Against NumPy on centred numbers: adding 2**40 to all is exact here and loses nothing."""
    rng = np.random.default_rng(7)
    measured = np.round(rng.normal(size=400) * 2**10) / 2**10
    predicted = measured + np.round(rng.normal(size=400) * 2**9) / 2**10
    near = numeric(list(zip(predicted.tolist(), measured.tolist(), strict=True)))
    far = numeric([(p + 2.0**40, o + 2.0**40) for p, o in zip(predicted, measured, strict=True)])
    assert far == near
    assert near["r2_pearson"].value == pytest.approx(np.corrcoef(predicted, measured)[0, 1] ** 2)
