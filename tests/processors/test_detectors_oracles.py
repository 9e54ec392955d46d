"""Each detector against an implementation of its own kind."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest
from river.drift import ADWIN
from scipy.stats import chi2_contingency, ks_2samp, mannwhitneyu

from processors.detectors import Change, Observation, State, adwin, all_detectors
from processors.detectors._window import WINDOW_PAIRS
from processors.limits.run_length import cusum_run_length, ewma_run_length

SHIFTS = [0.0, 0.6, 1.0, -1.5, 3.0]


def found_by(name: str, scores: Sequence[float], rate: float) -> list[tuple[int, int | None]]:
    """Return (index of the alarm, since) of each change in scores with gain 1."""
    detector, found = all_detectors()[name].Detector(), []
    for index, score in enumerate(scores):
        change = detector.update(Observation(score, score, 1.0, index, (), 1.0), rate)
        if change is not None:
            found.append((index, change.since))
    return found


def shifted(seed: int, shift: float, results: int = 300) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(shift if index >= 100 else 0.0, 1.0) for index in range(results)]


def textbook_cusum(
    scores: Sequence[float], allowance: float, limit: float
) -> Iterator[tuple[int, int]]:
    """Yield alarms of Page's two-sided CUSUM, with the first result after either sum was zero."""
    up = down = 0.0
    up_since = down_since = 0
    for index, score in enumerate(scores):
        up_since = index if up == 0 else up_since
        down_since = index if down == 0 else down_since
        up, down = max(0.0, up + score - allowance), max(0.0, down - score - allowance)
        if max(up, down) > limit:
            yield index, up_since if up >= down else down_since
            up = down = 0.0


@pytest.mark.parametrize("shift", SHIFTS)
def test_page_hinkley_with_a_known_mean_is_a_textbook_cusum(shift: float) -> None:
    # By the table of run lengths: 25 % of an SD allowed, and a limit of 8.585 for one in 500.
    limit = 8.585058
    assert cusum_run_length(0.25, limit) == pytest.approx(500, rel=1e-6)
    for seed in range(20):
        scores = shifted(seed, shift)
        assert found_by("page_hinkley", scores, 1 / 500) == list(
            textbook_cusum(scores, 0.25, limit)
        )


def first_alarms(name: str, seed: int, series: int, rate: float) -> float:
    """Return the mean number of results up to and with a detector's first false alarm."""
    rng, taken = random.Random(seed), 0
    for _ in range(series):
        detector = all_detectors()[name].Detector()
        while True:
            taken += 1
            score = rng.gauss(0, 1)
            if detector.update(Observation(score, score, 1.0, 0, (), 1.0), rate):
                break
    return taken / series


# Lucas & Crosier (1982) and the table of run lengths: k = .5 with h = 4 gives 168, with h = 5 465.
@pytest.mark.parametrize(("limit", "run_length"), [(4.0, 168.0), (5.0, 465.4)])
def test_cusum_with_gain_one_has_the_run_lengths_of_the_table(
    limit: float, run_length: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from processors.detectors import cusum

    monkeypatch.setattr(cusum, "limit", lambda rate, rate_at_zero: limit)
    series = 400
    assert first_alarms("cusum", 1, series, 1e-3) == pytest.approx(
        run_length, rel=3 / math.sqrt(series)
    )


@pytest.mark.parametrize("shift", SHIFTS)
def test_cusum_with_gain_one_is_a_textbook_cusum(
    shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from processors.detectors import cusum

    monkeypatch.setattr(cusum, "limit", lambda rate, rate_at_zero: 4.0)
    for seed in range(20):
        scores = shifted(seed, shift)
        assert found_by("cusum", scores, 1e-3) == list(textbook_cusum(scores, 0.5, 4.0))


@pytest.mark.parametrize("shift", SHIFTS)
def test_ewma_is_a_textbook_ewma(shift: float) -> None:
    from processors.detectors.ewma import limit

    sigma = math.sqrt(0.1 / 1.9)
    assert ewma_run_length(0.1, limit(1 / 500) / sigma) == pytest.approx(500, rel=1e-6)
    for seed in range(20):
        scores = shifted(seed, shift)
        expected, start = [], 0
        for index in range(len(scores)):
            since_start = scores[start : index + 1]
            weights = 0.1 * 0.9 ** np.arange(len(since_start))[::-1]
            if abs(weights @ since_start) > limit(1 / 500):
                expected.append(index)
                start = index + 1
        assert [index for index, _ in found_by("ewma", scores, 1 / 500)] == expected


@pytest.mark.parametrize("shift", SHIFTS)
def test_rolling_mean_is_that_of_the_last_twenty(shift: float) -> None:
    from processors.detectors.rolling_mean import limit

    for seed in range(20):
        scores = shifted(seed, shift)
        expected, start = [], 0
        for index in range(len(scores)):
            last = scores[max(start, index - 19) : index + 1]
            if len(last) == 20 and abs(np.mean(last)) > limit(1 / 500):
                expected.append(index)
                start = index + 1
        assert [index for index, _ in found_by("rolling_mean", scores, 1 / 500)] == expected


@pytest.mark.parametrize("delta", [0.002, 0.1, 1.0, 3.0])
def test_adwin_finds_what_rivers_does(delta: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adwin, "delta_of", lambda rate: delta)
    alarms = 0
    for seed in range(8):
        rng, river, expected = random.Random(seed), ADWIN(delta=delta), []
        scores = [rng.gauss(0.8 * (i // 200 % 2), 1 + i // 600) for i in range(1_000)]
        for index, score in enumerate(scores):
            river.update(score)
            if river.drift_detected:
                expected.append(index)
        assert [index for index, _ in found_by("adwin", scores, 1e-3)] == expected
        alarms += len(expected)
    assert alarms


def binned_by_quintile(reference: Sequence[float], window: Sequence[float]) -> list[list[int]]:
    ends = [-math.inf, *sorted(reference)[9:40:10], math.inf]
    return [
        [sum(low < value <= high for value in sample) for low, high in pairwise(ends)]
        for sample in (reference, window)
    ]


def index_p_value(reference: Sequence[float], window: Sequence[float]) -> float:
    from scipy.stats import chi2

    shares = (np.array(binned_by_quintile(reference, window)) + 1) / 55
    index = ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()
    return float(chi2.sf(index / (1 / 50 + 1 / 50), 4))


WINDOW_TESTS: dict[str, Callable[[Sequence[float], Sequence[float]], float]] = {
    "kolmogorov_smirnov": lambda r, w: ks_2samp(r, w).pvalue,
    "mann_whitney": lambda r, w: mannwhitneyu(w, r, method="asymptotic").pvalue,
    "chi_squared": lambda r, w: chi2_contingency(binned_by_quintile(r, w)).pvalue,
    "population_stability": index_p_value,
}


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("name", sorted(WINDOW_TESTS))
def test_window_tests_are_those_of_scipy_for_each_full_window(name: str, shift: float) -> None:
    rng, rate = random.Random(11), 1e-3
    reference = sorted(rng.gauss(0, 1) for _ in range(50))
    values = [rng.gauss(shift, 1) for _ in range(6 * WINDOW_PAIRS + 7)]
    detector = all_detectors()[name].Detector()
    expected = {}
    for start in range(0, len(values) - WINDOW_PAIRS + 1, WINDOW_PAIRS):
        p_value = WINDOW_TESTS[name](reference, values[start : start + WINDOW_PAIRS])
        if p_value <= rate * WINDOW_PAIRS:
            expected[start + WINDOW_PAIRS - 1] = Change(
                name, start, pytest.approx(p_value, rel=1e-9, abs=1e-12)
            )
    for index, value in enumerate(values):
        change = detector.update(Observation(value, 0.0, 1.0, index, reference, 1.0), rate)
        assert change == expected.get(index)
    assert not shift or expected or shift < 1.0


def test_labels_that_differ_more_often_are_found_by_chi_squared() -> None:
    reference = [0.0] * 45 + [1.0] * 5
    detector = all_detectors()["chi_squared"].Detector()
    window = [1.0, 0.0] * 25
    found = [detector.update(Observation(v, 0.0, 1.0, 7, reference, 1.0), 1e-4) for v in window]
    # By hand: 5 and 25 of 50 each, expected 15, X² = 2·100/15 + 2·100/35 = 19.05.
    assert found[-1] is not None
    assert found[-1].p_value == pytest.approx(math.erfc(math.sqrt((200 / 15 + 200 / 35) / 2)))


def test_a_state_of_a_window_is_its_values() -> None:
    state: State = [3, [1.0, 2.0]]
    detector = all_detectors()["mann_whitney"].Detector(state)
    detector.update(Observation(5.0, 0.0, 1.0, 9, [1.0], 1.0), 1e-4)
    assert detector.state() == [3, [1.0, 2.0, 5.0]]
