"""Where a change began, also when a backlog came in a scrambled order."""

import random
from zlib import crc32

import numpy as np
import pytest

from benchmarks.cause import SETTINGS
from benchmarks.cause_lab import simulated
from processors.onset import onset
from processors.series import Scored
from schemas.codec import Codec
from schemas.events import Alert, Outcome
from schemas.table import SchemaTable
from streams.demo.story import LOTS, tell
from streams.replay import Replay


def record(at: int, error: float, lot: str) -> Scored:
    return Scored("1", at, (lot, None, None, None), error, 0.0, None, None, None)


@pytest.mark.parametrize("seed", range(5))
def test_the_first_bad_result_of_a_lot_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    records = [
        record(t, float(rng.normal() + (3.0 if t >= 200 and t % 4 == 2 else 0.0)), f"L{t % 4}")
        for t in range(300)
    ]
    found = onset(records)
    assert found is not None and abs(found - 202) <= 4 * 4, "within four results of the lot"


@pytest.mark.parametrize("seed", range(5))
def test_a_change_that_came_with_a_new_lot_begins_with_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    records = [
        record(t * 10**9, float(rng.normal() + 1.5 * (t >= 200)), "L2" if t >= 200 else "L1")
        for t in range(240)
    ]
    assert onset(records) == 200 * 10**9


def test_two_levels_that_moved_tell_together_when() -> None:
    late = []
    for seed in range(100):
        setting = SETTINGS["instrument and reagent_batch"]
        lab = simulated(setting, np.random.default_rng(seed))
        found = onset(lab.results) or 0
        late.append(abs(sum((r.at or 0) < found for r in lab.results) - lab.before))
    # The stronger alone: half within 9 and nine tenths within 51 of some 230 results.
    assert np.median(late) <= 6 and np.percentile(late, 90) <= 30


def test_noise_has_no_beginning() -> None:
    starts = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        starts.append(onset([record(t, float(rng.normal()), f"L{t % 4}") for t in range(300)]))
    assert sum(start is not None for start in starts) <= 3


@pytest.mark.parametrize("lot", LOTS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_backlog_worked_off_partition_by_partition_still_names_the_lot(
    seed: int, lot: str
) -> None:
    story = tell(seed, lot, 1.5)
    lively, backlog = story.outcomes[:300], story.outcomes[300:]

    def partition(outcome: Outcome) -> int:
        return crc32(outcome.molecule_id.encode()) % 4

    random.Random(seed).shuffle(backlog)
    backlog.sort(key=lambda o: (partition(o), o.measured_at))
    alerts: dict[str, Alert] = {}
    for event in Replay(Codec(SchemaTable())).run([*story.predictions, *lively, *backlog]):
        if isinstance(event, Alert) and not event.is_status:
            alerts[event.alert_id] = event
    (alert,) = alerts.values()
    assert (alert.state, alert.segment_value) == ("open", lot)
    days = abs((alert.since or 0) / 1e6 - story.turned_at.timestamp()) / 86_400
    assert days <= 7, "eight results a day, two of them of the lot"
