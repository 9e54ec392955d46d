"""Intervals of figures of a table of labels: by differentiation, by hand, and by simulation."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.figures.estimate import Estimate
from processors.figures.intervals import wilson_interval
from processors.hand_till import hand_till
from processors.metrics import all_metrics
from processors.summaries.confusion import Confusion
from schemas.errors import InvalidValueError

Z = 1.959963984540054
TABLE = np.array([[40.0, 6, 3], [5, 30, 9], [1, 4, 22]])
TWO = np.array([[40.0, 6], [11, 30]])


def window_of(table: np.ndarray, positive: str | None = None) -> Confusion:
    window = Confusion(positive)
    for (predicted, measured), count in np.ndenumerate(table):
        for _ in range(int(count)):
            window.update("abcdef"[predicted], "abcdef"[measured])
    return window


def get(name: str, window: Confusion) -> Estimate:
    return all_metrics()[name].get(window)


def delta_se(figure: Callable[[np.ndarray], float], table: np.ndarray) -> float:
    """Return the standard error by central differences over the shares of a multinomial table."""
    n = table.sum()
    shares, step = table / n, 1e-6
    slopes = np.zeros_like(shares)
    for cell in np.ndindex(shares.shape):
        up, down = shares.copy(), shares.copy()
        up[cell] += step
        down[cell] -= step
        slopes[cell] = (figure(up) - figure(down)) / (2 * step)
    variance = (shares * slopes**2).sum() - (shares * slopes).sum() ** 2
    return float(np.sqrt(variance / n))


def kappa(table: np.ndarray) -> float:
    shares = table / table.sum()
    chance = float(shares.sum(0) @ shares.sum(1))
    return (float(np.trace(shares)) - chance) / (1 - chance)


def f_of(table: np.ndarray, place: int, beta: float) -> float:
    hits = table[place, place]
    false, missed = table[place].sum() - hits, table[:, place].sum() - hits
    return float((1 + beta**2) * hits / ((1 + beta**2) * hits + beta**2 * missed + false))


def test_kappas_interval_is_the_delta_methods() -> None:
    found, half = get("kappa", window_of(TABLE)), Z * delta_se(kappa, TABLE)
    assert found.value == pytest.approx(kappa(TABLE))
    assert (found.low, found.high) == pytest.approx((kappa(TABLE) - half, kappa(TABLE) + half))


@pytest.mark.parametrize(("name", "beta"), [("f1", 1.0), ("f2", 2.0), ("f0_5", 0.5)])
def test_f_scores_intervals_are_the_delta_methods(name: str, beta: float) -> None:
    """Of one class on the log odds, of the mean over the classes as it is."""
    found = get(name, window_of(TWO, "a"))
    assert found.value is not None and found.low is not None and found.high is not None

    def log_odds(table: np.ndarray) -> float:
        f = f_of(table, 0, beta)
        return math.log(f / (1 - f))

    half = Z * delta_se(log_odds, TWO)
    for end, sign in ((found.low, -1), (found.high, 1)):
        assert math.log(end / (1 - end)) == pytest.approx(log_odds(TWO) + sign * half, rel=1e-6)
    whole = get(name, window_of(TABLE))

    def mean(table: np.ndarray) -> float:
        return float(np.mean([f_of(table, place, beta) for place in range(3)]))

    half = Z * delta_se(mean, TABLE)
    assert (whole.low, whole.value, whole.high) == pytest.approx(
        (mean(TABLE) - half, mean(TABLE), mean(TABLE) + half), rel=1e-6
    )


def test_macro_recall_joins_wilsons_intervals() -> None:
    """By hand for two classes of 10, with 8 and 5 hits."""
    found = get("macro_recall", window_of(np.array([[8, 5], [2, 5]])))
    ends = [wilson_interval(8, 10), wilson_interval(5, 10)]
    below = math.hypot(0.8 - ends[0][0], 0.5 - ends[1][0]) / 2
    above = math.hypot(ends[0][1] - 0.8, ends[1][1] - 0.5) / 2
    assert (found.low, found.high) == pytest.approx((0.65 - below, 0.65 + above))


@pytest.mark.parametrize(
    ("name", "classes", "pairs"),
    [
        ("f1", 2, 40),
        ("f2", 2, 40),
        ("kappa", 3, 80),
        ("macro_f1", 3, 80),
        ("macro_recall", 3, 40),
        ("macro_precision", 3, 40),
    ],
)
def test_ninety_five_in_a_hundred_hold_the_truth(name: str, classes: int, pairs: int) -> None:
    rng = np.random.default_rng(5)
    shares = (TWO if classes == 2 else TABLE) / (TWO if classes == 2 else TABLE).sum()
    truth = get(name, window_of(np.round(shares * 1e5), "a" if classes == 2 else None)).value
    assert truth is not None
    runs, held = 400, 0
    for counts in rng.multinomial(pairs, shares.ravel(), size=runs):
        table = counts.reshape(classes, classes)
        found = get(name, window_of(table, "a" if classes == 2 else None))
        assert found.low is not None and found.high is not None
        held += found.low <= truth <= found.high
    assert 0.91 <= held / runs <= 0.985


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 99)), min_size=3, max_size=30))
def test_two_classes_of_hand_till_are_the_area_of_scikit_learn(
    drawn: list[tuple[str, int]],
) -> None:
    labels, numbers = [name for name, _ in drawn], [number / 100 for _, number in drawn]
    both = [label == "a" for label in labels]
    rows = {"a": numbers, "b": [1 - p for p in numbers], "c": [0.0] * len(drawn)}
    two = [label if label == "a" else "b" for label in labels]
    found = hand_till(rows, two)
    if len(set(both)) == 1:
        assert found.reason == "one class only"
    else:
        want = sklearn.metrics.roc_auc_score(both, numbers)
        assert found.value == pytest.approx(want, abs=1e-9)


def test_hand_till_of_nothing_and_of_what_does_not_fit() -> None:
    assert hand_till({}, []).reason == "no pairs"
    assert hand_till({"a": [0.5] * 3, "b": [0.5] * 3}, ["a", "b", "a"]).value == 0.5
    with pytest.raises(InvalidValueError, match="'b' was measured"):
        hand_till({"a": [0.5, 0.5]}, ["a", "b"])
    with pytest.raises(InvalidValueError, match="finite"):
        hand_till({"a": [0.5, math.nan], "b": [0.5, 0.5]}, ["a", "b"])
