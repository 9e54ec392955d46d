"""`recalibra limits` on pairs that rest in ClickHouse."""

import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.events import AssayContext, Outcome, Pair, Prediction
from schemas.topics import digest
from streams.addresses import as_environment, with_stack
from streams.clickhouse_access import make_sink
from streams.local.stack import LocalStack
from streams.settings import Settings
from streams.settings.lab import ControlSettings

DAY_US = 86_400_000_000
START_US = 20_000 * DAY_US


def pair(number: int, error: float, lot: str) -> Pair:
    at = START_US + number // 20 * DAY_US + number % 20
    context = AssayContext(lot, "I1")
    p = Prediction(f"p{number}", 0, False, f"M{number}", "logP", AssayContext(), "net", "1", error)
    o = Outcome(f"o{number}", 0, False, f"M{number}", "logP", context, 0.0, measured_at=at)
    return Pair(digest(str(number)), 1, "paired", None, error, 0.0, p, o)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("limits")
    rng = random.Random(1)
    pairs = [pair(i, rng.gauss(0, 2), "L1" if i < 380 else "L2") for i in range(400)]
    with LocalStack(folder, kafka=False) as stack:
        settings = with_stack(Settings(state_dir=folder), stack.addresses)
        sink = make_sink(settings.clickhouse)
        sink.ensure_tables()
        sink.write("pairs", pairs, "all of them")
        sink.close()
        yield settings


TERMINAL = {"TTY_COMPATIBLE": "1", "NO_COLOR": "1", "COLUMNS": "80"}


def limits(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "limits", *words],
        env={**os.environ, **as_environment(settings), **TERMINAL},
        capture_output=True,
        text=True,
        timeout=120,
    )


# What the tests read of a record: numbers, words and the limits of detectors.
Told = dict[str, Any]


def told(settings: Settings, *words: str) -> dict[str | None, Told]:
    done = limits(settings, "net", " logP", "--json", *words)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["segment_value"]: row for row in rows}


def test_limits_say_what_each_series_is_held_against(settings: Settings) -> None:
    series = told(settings)
    whole = series[None]
    assert (whole["state"], whole["pairs"], whole["missing"]) == ("watched", 400, None)
    # The first 50 of these errors, by the standard library.
    rng = random.Random(1)
    first = [rng.gauss(0, 2) for _ in range(50)]
    assert whole["mean"] == pytest.approx(statistics.fmean(first))
    assert whole["sd"] == pytest.approx(statistics.stdev(first))
    assert series["I1"]["state"] == "whole"
    assert (series["L1"]["own_baseline"], series["L2"]["own_baseline"]) == (True, False)


def test_a_smaller_budget_is_a_wider_limit_and_a_longer_wait(settings: Settings) -> None:
    one, fifth = told(settings)[None], told(settings, "--false-alarms-per-year", "0.04")[None]
    # A fifth of the rate is ln 5 more on the scale of log-likelihood ratios.
    assert fifth["limits"]["cusum"]["limit"] - one["limits"]["cusum"]["limit"] == pytest.approx(
        1.609, abs=0.001
    )
    assert fifth["pairs_to_see_1_sd"] > one["pairs_to_see_1_sd"]


def test_what_is_not_there_is_one_sentence(settings: Settings) -> None:
    done = limits(settings, "nest", "logP")
    assert done.returncode == 2
    assert "there are no scored pairs of nest in logP" in done.stderr


def test_people_get_a_table(settings: Settings) -> None:
    controls = tuple(ControlSettings(assay_id="logP", molecule_id=m) for m in ("M7", "QC"))
    monitor = settings.monitor.model_copy(update={"controls": controls})
    done = limits(settings.model_copy(update={"monitor": monitor}), "net", "logP")
    assert done.returncode == 0, done.stderr
    assert "0.2 false alarms in a year of 5000 pairs" in done.stdout
    assert "L2" in done.stdout
    assert "control M7 is learning: it has 1 of the 20 results needed." in done.stdout
    assert "control QC is learning: no result" in done.stdout
    assert "instrument I1 holds all pairs" in done.stdout
    table = [line for line in done.stdout.splitlines() if "│" in line]
    assert max(map(len, table)) <= 80 and "not shown" not in done.stdout
