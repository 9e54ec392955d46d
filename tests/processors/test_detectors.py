"""One exam for every detector of the folder."""

import math
import random
from collections.abc import Sequence

import numpy as np
import orjson
import pytest
from msgspec.structs import replace

from processors.detectors import Change, Detector, Observation, all_detectors
from processors.detectors._window import WINDOW_PAIRS
from processors.record_layout import RecordLayout
from processors.watch import Watch, WatchState

NAMES = sorted(all_detectors())
STEP_AT, AFTER_STEP = 200, 120
REFERENCE_PAIRS = 50
DAY_US = 86_400_000_000

# A high rate, so that false alarms are seen within a test.
RATE = 1 / 500
# Where run lengths may lie, in those asked for.
RUN_LENGTH = dict.fromkeys(NAMES, (0.6, 3.0)) | {
    # Its formula holds for limits of 4 and more, which is for rates below 1 in 1,400.
    "spread": (0.3, 3.0),
}
# The false alarms of results that are far from normal, in those allowed. Of 74 the charts and tests
# raise 25 to 102, of which a test of 22 tells only so much; spread, at so high a rate, 280.
HEAVY_TAILED_MAX = dict.fromkeys(NAMES, 3.0) | {"spread": 6.0}


def observations(scores: Sequence[float], rng: random.Random) -> list[Observation]:
    """Return independent results whose values are their scores, with a reference of their kind."""
    reference = sorted(rng.gauss(0, 1) for _ in range(REFERENCE_PAIRS))
    return [Observation(score, score, 1.0, at, reference, 1.0) for at, score in enumerate(scores)]


def a_step(seed: int, shift: float) -> list[Observation]:
    rng = random.Random(seed)
    moved = [shift * (at >= STEP_AT) for at in range(STEP_AT + AFTER_STEP)]
    return observations([rng.gauss(mean, 1.0) for mean in moved], rng)


def changes(
    detector: Detector, seen: Sequence[Observation], rate: float = 1e-5
) -> list[Change | None]:
    return [detector.update(observation, rate) for observation in seen]


@pytest.mark.parametrize("name", NAMES)
def test_the_run_length_without_a_change_is_that_of_the_rate(name: str) -> None:
    # 25 series of 2,000 independent normal results: 100 false alarms are allowed.
    alarms, results = 0, 0
    for seed in range(25):
        rng = random.Random(seed)
        seen = observations([rng.gauss(0, 1) for _ in range(2_000)], rng)
        alarms += sum(map(bool, changes(all_detectors()[name].Detector(), seen, RATE)))
        results += len(seen)
    low, high = RUN_LENGTH[name]
    assert low / RATE <= results / alarms <= high / RATE


@pytest.mark.parametrize("law", ["student", "lognormal"])
@pytest.mark.parametrize("name", NAMES)
def test_heavy_tails_are_no_change(name: str, law: str) -> None:
    # 12 series of 1,000 results in runs of 20: about 22 false alarms are allowed.
    alarms, looks = 0, 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        values = rng.standard_t(3, 1_000) if law == "student" else rng.lognormal(0, 1, 1_000)
        watch = Watch({name: 1.0})
        for number, value in enumerate(values.tolist()):
            day = number // 20
            seen = watch.update(value, ("", day), day * DAY_US, RATE)
            looks += seen.standing is not None
            alarms += len(seen.changes)
    assert alarms <= HEAVY_TAILED_MAX[name] * looks * RATE


@pytest.mark.parametrize("shift", [2.0, -2.0])
@pytest.mark.parametrize("name", NAMES)
def test_a_step_of_two_standard_deviations_is_found(name: str, shift: float) -> None:
    for seed in range(10):
        found = changes(all_detectors()[name].Detector(), a_step(seed, shift))
        assert not any(found[:STEP_AT]), seed
        change = next(change for change in found if change is not None)
        assert change.detector == name
        assert change.since is not None
        assert abs(change.since - STEP_AT) <= WINDOW_PAIRS, seed
        assert change.p_value is None or 0.0 <= change.p_value <= 1.0


@pytest.mark.parametrize("unstated", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_state_survives_at_every_point(name: str, unstated: bool) -> None:
    layout = RecordLayout(WatchState)
    for shift in (0.0, 1.5, -3.0):
        seen = a_step(3, shift)
        if unstated:
            seen = [replace(observation, at=None) for observation in seen]
        uninterrupted, found = all_detectors()[name].Detector(), []
        detector = all_detectors()[name].Detector()
        for observation in seen:
            state = orjson.loads(orjson.dumps(detector.state()))
            assert state == detector.state()
            stored = layout.unpack(layout.pack(WatchState(detectors={name: detector.state()})))
            assert stored.detectors[name] == state
            detector = all_detectors()[name].Detector(stored.detectors[name])
            change = detector.update(observation, 1e-4)
            assert change == uninterrupted.update(observation, 1e-4)
            assert detector.strength == uninterrupted.strength
            found.append(change)
        if abs(shift) > 2:
            assert any(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_detectors_state_is_a_fresh_detector(name: str) -> None:
    state = orjson.loads(orjson.dumps(all_detectors()[name].Detector().state()))
    assert state == orjson.loads(orjson.dumps(all_detectors()[name].Detector(state).state()))


@pytest.mark.parametrize("name", NAMES)
def test_a_state_that_was_given_out_does_not_change(name: str) -> None:
    detector = all_detectors()[name].Detector()
    seen = a_step(5, 0.0)[:80]
    changes(detector, seen[:40])
    state = detector.state()
    before = orjson.dumps(state)
    changes(detector, seen[40:])
    changes(all_detectors()[name].Detector(state), seen[40:])
    assert orjson.dumps(state) == before


@pytest.mark.parametrize(
    "values",
    [
        [0.0] * 150,
        [3.0] * 150,
        [0.0, 1.0] * 75,
        [round(math.sin(i), 1) for i in range(150)],
        [1e9 * (-1) ** i for i in range(150)],
        [0.0] * 75 + [1e12] * 75,
        [-1e-300] * 75 + [1e-300] * 75,
    ],
    ids=["zero", "constant", "two", "ties", "huge", "jump", "tiny"],
)
@pytest.mark.parametrize("reference", [[0.0] * 50, [7.0], [float(i % 3) for i in range(50)]])
@pytest.mark.parametrize("name", NAMES)
def test_odd_values_never_crash(name: str, reference: list[float], values: list[float]) -> None:
    detector = all_detectors()[name].Detector()
    for value in values:
        observation = Observation(value, value, 1.0, None, sorted(reference), 1.7)
        change = detector.update(observation, 1e-3)
        assert 0.0 <= detector.strength < math.inf
        assert change is None or change.p_value is None or 0.0 <= change.p_value <= 1.0


@pytest.mark.parametrize("rate", [0.3, 1e-3, 1e-7, 1e-12])
@pytest.mark.parametrize("name", NAMES)
def test_any_rate_has_a_limit(name: str, rate: float) -> None:
    detector = all_detectors()[name].Detector()
    for observation in a_step(1, 0.0)[:110]:
        detector.update(observation, rate)
        assert 0.0 <= detector.strength < math.inf


@pytest.mark.parametrize("name", NAMES)
def test_a_lower_rate_finds_no_more(name: str) -> None:
    seen = a_step(8, 1.0)
    found = [
        sum(map(bool, changes(all_detectors()[name].Detector(), seen, rate)))
        for rate in (1e-2, 1e-3, 1e-5, 1e-9)
    ]
    assert found == sorted(found, reverse=True)
