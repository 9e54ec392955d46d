"""One exam for every detector of the folder, and each against an implementation of its own."""

import random
from collections.abc import Callable, Iterator, Sequence

import orjson
import pytest
from scipy.stats import ks_2samp

from processors.detectors import Change, Detector, Observation, all_detectors
from processors.detectors.kolmogorov_smirnov import P_VALUE_MAX, WINDOW_PAIRS
from processors.detectors.page_hinkley import ALLOWANCE_SD, LIMIT_SD
from processors.watch import REFERENCE_PAIRS, normal_score

NAMES = sorted(all_detectors())
STEP_AT, AFTER_STEP = 200, 120

Draw = Callable[[random.Random], float]


def observations(rng: random.Random, pairs: int, draw: Draw, shift: float) -> list[Observation]:
    """Return `pairs` observations against a reference of their kind, shifted from STEP_AT on."""
    reference = sorted(draw(rng) for _ in range(REFERENCE_PAIRS))
    found = []
    for at in range(pairs):
        error = draw(rng) + (shift if at >= STEP_AT else 0.0)
        found.append(Observation(error, normal_score(error, reference), at, reference))
    return found


def normal(rng: random.Random) -> float:
    return rng.gauss(0.3, 1.0)


def heavy_tailed(rng: random.Random) -> float:
    return rng.gauss(0.0, 1.0) / rng.gauss(0.0, 1.0)


def changes(detector: Detector, seen: Sequence[Observation]) -> list[Change | None]:
    return [detector.update(observation) for observation in seen]


@pytest.mark.parametrize("name", NAMES)
def test_silent_on_noise(name: str) -> None:
    # Each states one false alarm in 800 series or fewer: of 200 series none is expected to alarm,
    # and three have a chance of 1 in 500.
    alarmed = 0
    for seed in range(200):
        draw = heavy_tailed if seed % 4 == 0 else normal
        detector = all_detectors()[name].Detector()
        seen = observations(random.Random(seed), 500, draw, 0.0)
        alarmed += any(changes(detector, seen))
    assert alarmed <= 2


@pytest.mark.parametrize("shift", [2.0, -2.0])
@pytest.mark.parametrize("name", NAMES)
def test_fires_on_a_step_of_two_standard_deviations(name: str, shift: float) -> None:
    for seed in range(10):
        detector = all_detectors()[name].Detector()
        seen = observations(random.Random(seed), STEP_AT + AFTER_STEP, normal, shift)
        found = changes(detector, seen)
        assert not any(found[:STEP_AT]), seed
        change = next(change for change in found if change is not None)
        assert change.detector == name
        assert change.since is not None
        assert abs(change.since - STEP_AT) <= WINDOW_PAIRS, seed
        assert change.p_value is None or 0.0 <= change.p_value <= 1.0


@pytest.mark.parametrize("name", NAMES)
def test_the_state_survives_at_every_point(name: str) -> None:
    for shift in (0.0, 1.5, -3.0):
        seen = observations(random.Random(3), STEP_AT + AFTER_STEP, normal, shift)
        uninterrupted = changes(all_detectors()[name].Detector(), seen)
        detector, found = all_detectors()[name].Detector(), []
        for observation in seen:
            state = orjson.loads(orjson.dumps(detector.state()))
            detector = all_detectors()[name].Detector(state)
            found.append(detector.update(observation))
        assert found == uninterrupted
        if shift:
            assert any(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_detectors_state_is_a_fresh_detector(name: str) -> None:
    state = orjson.loads(orjson.dumps(all_detectors()[name].Detector().state()))
    assert state == orjson.loads(orjson.dumps(all_detectors()[name].Detector(state).state()))


@pytest.mark.parametrize("name", NAMES)
def test_a_state_that_was_given_out_does_not_change(name: str) -> None:
    detector = all_detectors()[name].Detector()
    seen = observations(random.Random(5), 20, normal, 0.0)
    changes(detector, seen[:10])
    state = detector.state()
    before = orjson.dumps(state)
    changes(detector, seen[10:])
    changes(all_detectors()[name].Detector(state), seen[10:])
    assert orjson.dumps(state) == before


def plain_page_hinkley(scores: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Yield (index of the alarm, index where the sum that gave it began to run).

    Page (1954) as Hinkley's two cumulative sums about the running mean, which starts as if
    REFERENCE_PAIRS zeros had been seen; after an alarm all starts afresh.
    """
    past: list[float] = []
    start = 0
    for index, score in enumerate(scores):
        past.append(score)
        rises, falls = [0.0], [0.0]
        for n in range(1, len(past) + 1):
            deviation = past[n - 1] - sum(past[:n]) / (REFERENCE_PAIRS + n)
            rises.append(rises[-1] + deviation - ALLOWANCE_SD)
            falls.append(falls[-1] + deviation + ALLOWANCE_SD)
        lowest = max(i for i, rise in enumerate(rises) if rise == min(rises))
        highest = max(i for i, fall in enumerate(falls) if fall == max(falls))
        if rises[-1] - rises[lowest] > LIMIT_SD:
            yield index, start + lowest
        elif falls[highest] - falls[-1] > LIMIT_SD:
            yield index, start + highest
        else:
            continue
        past, start = [], index + 1


@pytest.mark.parametrize("shift", [0.0, 0.6, 1.0, -1.0, 3.0])
def test_page_hinkley_is_that_of_a_plain_implementation(shift: float) -> None:
    rng = random.Random(17)
    scores = [rng.gauss(shift if i >= 30 else 0.0, 1.0) for i in range(130)]
    reference = [0.0] * REFERENCE_PAIRS
    detector = all_detectors()["page_hinkley"].Detector()
    found = []
    for index, score in enumerate(scores):
        change = detector.update(Observation(score, score, index, reference))
        if change is not None:
            found.append((index, change.since))
    expected = list(plain_page_hinkley(scores))
    assert found == expected
    assert bool(expected) == (abs(shift) >= 1.0)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 1.3, 2.0])
def test_kolmogorov_smirnov_is_scipys_of_each_full_window(shift: float) -> None:
    rng = random.Random(11)
    reference = sorted(rng.gauss(0, 1) for _ in range(REFERENCE_PAIRS))
    errors = [rng.gauss(shift, 1) for _ in range(6 * WINDOW_PAIRS + 7)]
    detector = all_detectors()["kolmogorov_smirnov"].Detector()
    found = changes(detector, [Observation(e, 0.0, i, reference) for i, e in enumerate(errors)])
    expected: list[Change | None] = [None] * len(errors)
    for start in range(0, len(errors) - WINDOW_PAIRS + 1, WINDOW_PAIRS):
        p_value = float(ks_2samp(reference, errors[start : start + WINDOW_PAIRS]).pvalue)
        if p_value <= P_VALUE_MAX:
            last = start + WINDOW_PAIRS - 1
            expected[last] = Change("kolmogorov_smirnov", start, p_value)
    assert found == expected
    assert not shift or any(expected) or shift < 1.0
