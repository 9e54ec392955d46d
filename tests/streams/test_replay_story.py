"""The demo's story, replayed: each lot that goes bad is one open alert that names it."""

from functools import cache

import pytest

from schemas.codec import Codec
from schemas.events import Alert, Event, Metric, Pair
from schemas.table import SchemaTable
from streams.demo.story import LOTS, MODEL_ID, MODEL_VERSION, Story, tell
from streams.replay import Replay

SEEDS = range(5)


def replayed(story: Story) -> list[Event]:
    return list(Replay(Codec(SchemaTable())).run([*story.predictions, *story.outcomes]))


@cache
def told_and_replayed(seed: int, lot: str, shift_sd: float) -> tuple[Story, list[Event]]:
    story = tell(seed, lot, shift_sd)
    return story, replayed(story)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("lot", LOTS)
def test_a_bad_lot_is_one_open_alert_that_names_it(seed: int, lot: str) -> None:
    story, said = told_and_replayed(seed, lot, 1.5)
    latest = {a.alert_id: a for a in said if isinstance(a, Alert) and not a.is_status}
    (alert,) = latest.values()
    assert (alert.state, alert.segment_field, alert.segment_value) == ("open", "reagent_batch", lot)
    assert (alert.model_id, alert.model_version) == (MODEL_ID, MODEL_VERSION)
    turned_us = round(story.turned_at.timestamp() * 1e6)
    assert alert.detected_at is not None and alert.detected_at > turned_us
    assert alert.effect_sd is not None
    assert alert.effect_sd == pytest.approx(-1.5, abs=0.9)


@pytest.mark.parametrize("seed", SEEDS)
def test_where_nothing_turns_nothing_alerts(seed: int) -> None:
    _, said = told_and_replayed(seed, LOTS[0], 0.0)
    assert not [e for e in said if isinstance(e, Alert) and not e.is_status]


def test_every_outcome_pairs_once_and_is_counted() -> None:
    story, said = told_and_replayed(0, LOTS[0], 0.0)
    pairs = [event for event in said if isinstance(event, Pair)]
    assert len(pairs) == len(story.outcomes) == len({pair.pair_id for pair in pairs})
    assert {pair.status for pair in pairs} == {"paired"}
    counts = {
        metric.segment_value: metric.value
        for metric in said
        if isinstance(metric, Metric) and metric.metric == "n" and metric.window == "all"
    }
    assert counts[None] == len(story.outcomes)
    assert sum(counts[lot] or 0 for lot in LOTS) == len(story.outcomes)


def test_one_log_gives_one_answer() -> None:
    story, said = told_and_replayed(1, LOTS[2], 1.5)
    assert replayed(tell(1, LOTS[2], 1.5)) == said
    assert story == tell(1, LOTS[2], 1.5)
