"""What the comparison of drift detectors rests on: its streams, its rule for alerts, its tuning."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks.drift import alerts
from benchmarks.drift.contestants import all_contestants
from benchmarks.drift.contestants.kswin import ks_2samp
from benchmarks.drift.streams import SCENARIOS, Stream, changed, settings, year
from benchmarks.drift.trial import opened
from benchmarks.drift.tuning import tuned
from benchmarks.poisson import rate_interval
from processors import innovations
from processors.alerts import recovery
from processors.limits.run_length import cusum_run_length

OURS = [name for name, each in all_contestants().items() if not each.peer]


def test_alerts_close_as_the_product_closes_them() -> None:
    assert alerts.RECOVERY_PAIRS == recovery.RECOVERY_PAIRS
    assert alerts.RECOVERY_SCORE_MAX == recovery.RECOVERY_SCORE_MAX
    assert alerts.CLIP_SD == innovations.CLIP_SD


@pytest.mark.parametrize("icc", [0.0, 0.1, 0.3])
def test_errors_have_the_correlation_and_spread_that_the_setting_names(icc: float) -> None:
    setting = settings({})[f"ICC {icc:g}"]
    runs = np.concatenate([np.reshape(year("x", setting, i).errors, (-1, 20)) for i in range(4)])
    shared = np.var(runs.mean(1), ddof=1) - runs.var(1, ddof=1).mean() / 20
    assert np.var(runs) == pytest.approx(1.0, abs=0.1)
    assert shared == pytest.approx(icc, abs=0.05)


def test_a_change_moves_what_its_name_says() -> None:
    setting = settings({})["ICC 0"]

    def after(scenario: str) -> Any:
        found = [changed("x", setting, scenario, number) for number in range(10)]
        errors = [np.asarray(stream.errors[stream.change :]) for stream in found]
        return np.array(errors)

    down, up = after("abrupt 1 SD")[::2], after("abrupt 1 SD")[1::2]
    assert (down.mean(), up.mean()) == pytest.approx((-1.0, 1.0), abs=0.05)
    assert after("spread x1.5").std() == pytest.approx(1.5, abs=0.05)
    assert after("calibration").std() == pytest.approx(2**0.5, abs=0.05)
    lots = after("one lot 1.5 SD")
    assert lots[1::2].mean() == pytest.approx(1.5 / 4, abs=0.1)
    assert lots[::2].mean() == pytest.approx(-1.5 / 4, abs=0.1)
    for scenario in SCENARIOS:
        stream = changed("x", setting, scenario, 1)
        assert np.mean(stream.errors[: stream.change]) == pytest.approx(0.0, abs=0.25)


def test_the_ideal_cusum_has_the_run_length_of_its_limit() -> None:
    ideal, setting = all_contestants()["ideal_cusum"], settings({})["ICC 0"]
    streams = [year("x", setting, number) for number in range(20)]
    alarms = sum(len(list(ideal.alarms(ideal.prepare(each), 4.0))) for each in streams)
    expected = sum(len(each.errors) for each in streams) / cusum_run_length(0.5, 4.0)
    low, high = rate_interval(alarms, 0.999)
    assert low <= expected <= high


def test_innovations_of_the_ideal_cusum_are_independent_and_standard() -> None:
    ideal, setting = all_contestants()["ideal_cusum"], settings({})["ICC 0.3"]
    new = np.array([s[0] for i in range(4) for s in ideal.prepare(year("x", setting, i))])
    assert new.mean() == pytest.approx(0.0, abs=0.05)
    assert new.std() == pytest.approx(1.0, abs=0.03)
    assert np.corrcoef(new[:-1], new[1:])[0, 1] == pytest.approx(0.0, abs=0.03)


def test_tuning_finds_the_value_and_says_when_there_is_none() -> None:
    assert tuned(lambda limit: round(1000 / limit), 1000.0, 0.1, 50).value == pytest.approx(20, 0.1)
    quiet = tuned(lambda limit: 0, 1000.0, 0.1, 50)
    assert not quiet.reached and quiet.count == 0


@pytest.mark.parametrize("seed", range(5))
def test_the_table_of_p_values_is_scipys(seed: int) -> None:
    rng = random.Random(seed)
    first = [round(rng.gauss(0, 1), 1) for _ in range(30)]
    second = [round(rng.gauss(seed / 4, 1), 1) for _ in range(30)]
    expected = stats.ks_2samp(first, second, method="auto")
    assert ks_2samp(first, second) == pytest.approx((expected.statistic, expected.pvalue))


@pytest.mark.parametrize("name", OURS)
def test_every_contestant_is_louder_at_its_loud_end_and_finds_a_large_shift(name: str) -> None:
    contestant = all_contestants()[name]
    rng = random.Random(3)
    errors = [rng.gauss(0, 1) for _ in range(500)] + [rng.gauss(3, 1) for _ in range(300)]
    stream = Stream(errors, [i // 20 for i in range(800)], [0] * 800, 200, 500, 0.0)
    prepared = contestant.prepare(stream)

    def places(value: float) -> Iterator[int]:
        return opened(contestant, prepared, stream, value)

    middle = (contestant.quiet * contestant.loud) ** 0.5
    loud = list(places(contestant.loud))
    assert len(list(places(contestant.quiet))) <= len(loud)
    assert loud and all(place >= stream.baseline for place in loud)
    assert any(place >= 500 for place in places(middle))
