"""A lab whose results are in ClickHouse, and rebuilds of it by the command line."""

import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, TopicPartition
from pipeline_lab import CODEC, PipelineLab, await_that
from test_pipeline import mixed_events

from processors.join_records import JOINED, JoinRecords, event_type_of, group_key
from processors.keys import ROW, ROW_BYTES
from processors.row_runs import rows_of
from processors.topology import TOPOLOGY
from schemas.errors import UserError
from schemas.events import AssayContext, Outcome, Prediction
from schemas.topics import TOPICS, join_key, partition_of, topic_name
from sinks.ddl import names
from streams import changelog
from streams.addresses import as_environment
from streams.kafka_access import changelog_name, client_settings
from streams.lane_store import LaneStore
from streams.rebuild_access import refuse_running

# A stage that is quiet says what it held back within 0.3 s, on a busy machine a little later.
STILL_S = 4.0
DAY_US = 86_400_000_000
# One time for all calls, so that each gives equal events.
NOW_US = time.time_ns() // 1_000
COMMAND = [sys.executable, "-m", "streams.cli", "rebuild"]


def every_kind() -> list[Prediction | Outcome]:
    """Revised, retracted, doubled and late events, a conflict, units that do not fit, a drift."""
    now_us = NOW_US
    any_context = AssayContext()
    made_at = now_us - 500 * DAY_US
    old = Prediction("old", 0, False, "MX", "a", any_context, "net", "1", 1.0, predicted_at=made_at)
    late = Outcome("late", 0, False, "MX", "a", any_context, 2.0, measured_at=now_us)
    taken_back = late._replace(event_id="late, taken back")
    weighed = Prediction("kg", 0, False, "MU", "a", any_context, "net", "1", 1.0, unit="kg")
    return [
        *mixed_events(),
        old,
        late,
        taken_back,
        taken_back._replace(revision=1, retracted=True),
        old._replace(value=7.0),
        weighed,
        Outcome("uM", 0, False, "MU", "a", any_context, 2.0, unit="uM", measured_at=now_us),
        *_drift(now_us - 10 * DAY_US),
    ]


def _drift(start_us: int) -> Iterator[Prediction | Outcome]:
    """Yield pairs of one model whose errors move by ten of their SD halfway.

    All are of one lane, so that they come in their order.
    """
    rng = random.Random(3)
    one_lane = (m for m in map("D{}".format, count()) if partition_of(join_key(m, "drift"), 4) == 0)
    for i, molecule in enumerate(islice(one_lane, 160)):
        at = start_us + i * 1_000_000
        context, value = AssayContext(), rng.gauss(5, 1) + (10 if i >= 80 else 0)
        yield Prediction(
            f"dp{i}", 0, False, molecule, "drift", context, "net", "1", value, predicted_at=at
        )
        yield Outcome(f"do{i}", 0, False, molecule, "drift", context, 5.0, measured_at=at + 1)


def settled(lab: PipelineLab) -> None:
    """Run every stage until all input is worked off and nothing moves any more."""
    inputs = {stage.name: stage.inputs for stage in TOPOLOGY} | {"sink": tuple(TOPICS)}
    moved: tuple[int, float] = (-1, 0.0)

    def still() -> bool:
        nonlocal moved
        end = lab.end(*TOPICS)
        if end != moved[0]:
            moved = end, time.monotonic()
        if time.monotonic() - moved[1] < STILL_S:
            return False
        lasts = {
            (short, partition): offset
            for short in TOPICS
            for partition, offset, *_ in sorted(lab.committed(short))
        }
        worked_off = all(reached(lab, stage, lasts, shorts) for stage, shorts in inputs.items())
        # What a stage wrote while the others were asked is not in `lasts`.
        return worked_off and lab.end(*TOPICS) == end

    with lab.stages(*inputs) as running:
        await_that(still, running)
    await_still(lab, *inputs)


def reached(
    lab: PipelineLab, stage: str, lasts: dict[tuple[str, int], int], shorts: tuple[str, ...]
) -> bool:
    """Whether a stage has committed past the last record of every input."""
    consumer = Consumer(client_settings(lab.settings.kafka) | {"group.id": f"{lab.prefix}-{stage}"})
    try:
        asked = {
            TopicPartition(topic_name(lab.prefix, short), partition): last
            for (short, partition), last in lasts.items()
            if short in shorts
        }
        told = consumer.committed(list(asked), timeout=10)
        return all(at.offset > asked[TopicPartition(at.topic, at.partition)] for at in told)
    finally:
        consumer.close()


def views(lab: PipelineLab) -> dict[str, list[str]]:
    """All rows of every view."""
    return {name: sorted(map(repr, lab.ask(f"SELECT * FROM {name}"))) for name in names("views")}


def await_still(lab: PipelineLab, *stages: str) -> None:
    """Wait until no worker of the stages is in its group any more."""

    def still() -> bool:
        try:
            refuse_running(lab.settings, stages)
        except UserError:
            return False
        return True

    await_that(still)


def start_rebuild(lab: PipelineLab, *words: str) -> "subprocess.Popen[str]":
    """Start the command."""
    return subprocess.Popen(
        [*COMMAND, *words, "--yes", "--json"],
        env={**os.environ, **as_environment(lab.settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rebuild(lab: PipelineLab, *words: str) -> list[dict[str, Any]]:
    """Run the command; return what it says."""
    out, err = (process := start_rebuild(lab, *words)).communicate(timeout=120)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


def state(lab: PipelineLab, stage: str, folder: Path) -> dict[tuple[int, bytes], object]:
    """All of a stage's state as its changelog has it, by lane and key.

    Left out is what hangs on how the inputs came beside one another and says nothing by itself: how
    deadlines lie in lists and rows in runs, the standing of a retracted prediction, how often
    coverage was told, and how the last change of a series or an alert was numbered.
    """
    found: dict[tuple[int, bytes], object] = {}
    for partition in range(lab.settings.kafka.partitions):
        store = LaneStore(folder / uuid.uuid4().hex, time.time_ns() // 1_000)
        topic = changelog_name(lab.prefix, stage)
        changelog.restore(store, topic, partition, client_settings(lab.settings.kafka))
        records = JoinRecords(CODEC, lab.settings.options())
        for key, value in list(store.scan(b"")):
            if stage == "join":
                said = _of_join(key, value, records, store)
            elif key.startswith(ROW):
                rows = rows_of(value)
                found |= {(partition, key[:-ROW_BYTES] + name): pair for name, pair in rows}
                continue
            else:
                said = _of_monitor(key, value)
            if said is not None:
                found[partition, key] = said
        found[partition, b"offsets"] = store.offsets
        store.close()
    return found


def _of_join(key: bytes, value: bytes, records: JoinRecords, store: LaneStore) -> object:
    if key.startswith(b"e"):
        return None
    if key.startswith(b"c"):
        return value[:24]
    if key.startswith(JOINED) and event_type_of(key) is Prediction:
        prediction = CODEC.decode(value[1:], Prediction)
        known = records.known(prediction, group_key(key), store)
        assert known is not None
        return value[1:], None if prediction.retracted else known[1]
    return value


def _of_monitor(key: bytes, value: bytes) -> object:
    if key.startswith(b"a"):
        opened, alert, found, *rest = msgspec.msgpack.decode(value)
        return opened, *(row and [row[0], *row[2:]] for row in (alert, found)), rest
    if not key.startswith(b"s"):
        return value
    changed, _sequence, *rest = msgspec.msgpack.decode(value[2:])
    return value[:2], changed, rest
