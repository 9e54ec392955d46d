"""What is made anew from the topics: equal content, nothing said twice, through kill -9."""

import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from pipeline_lab import (
    CODEC,
    DEADLINE_S,
    PipelineLab,
    await_that,
    newest_metrics,
    outcome,
    prediction,
)
from rebuild_lab import (
    await_still,
    every_kind,
    reached,
    rebuild,
    settled,
    start_rebuild,
    state,
    views,
)
from test_pipeline import content, load

from schemas.errors import UserError
from schemas.events import Event, LatePair, Metric, Outcome, Pair, Prediction, Tick
from schemas.topics import topic_name
from streams.clickhouse_access import asking
from streams.kafka_access import changelog_name, client_settings
from streams.local.stack import LocalStack
from streams.rebuild_access import refuse_removed, refuse_running
from streams.replay import Replay
from streams.settings import Settings
from streams.settings.processes import StreamSettings
from streams.settings.services import KafkaSettings

SAID = ("pairs", "late", "coverage", "metrics", "alerts", "dead-letters")
STAGES = ("join", "monitor")


@pytest.fixture(scope="module")
def told(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineLab]:
    """A lab whose stages have worked every kind of event off and stand still."""
    folder = tmp_path_factory.mktemp("told")
    with LocalStack(folder / "clickhouse", kafka=False) as clickhouse:
        lab = PipelineLab(stack, folder, clickhouse)
        lab.publish(every_kind())
        settled(lab)
        yield lab


def said(lab: PipelineLab) -> dict[str, list[object]]:
    """Every record that the stages have written."""
    return {short: sorted(lab.committed(short), key=repr) for short in SAID}


def killed_once(lab: PipelineLab, words: tuple[str, ...], now: Callable[[], bool]) -> None:
    """Start a rebuild and kill it with -9 as soon as `now` holds."""
    process = start_rebuild(lab, *words)
    while not now():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def spoil(lab: PipelineLab, stage: str, folder: Path) -> None:
    """Remove every third record of a stage's state from its changelog, and all its stores."""
    shutil.rmtree(lab.settings.state_dir / "stores" / f"{lab.prefix}-{stage}")
    keys = [key for key in state(lab, stage, folder) if key[1] != b"offsets"]
    producer = Producer(
        client_settings(lab.settings.kafka) | {"transactional.id": uuid.uuid4().hex}
    )
    producer.init_transactions(DEADLINE_S)
    producer.begin_transaction()
    for partition, key in keys[::3]:
        producer.produce(changelog_name(lab.prefix, stage), None, key, partition)
    producer.commit_transaction(DEADLINE_S)


def test_clickhouse_is_filled_anew_also_after_a_kill(told: PipelineLab) -> None:
    before = views(told)
    for name in ("pairs", "late", "coverage", "accuracy", "dead_letters", "outcomes", "alerts"):
        assert before[name], name
    with asking(told.settings.clickhouse) as client:
        client.command("TRUNCATE TABLE outcomes_rows")
        client.command(
            "ALTER TABLE pairs_rows UPDATE predicted = 0 WHERE 1 SETTINGS mutations_sync = 2"
        )
        client.command("DROP TABLE late_rows SYNC")

    def filling() -> bool:
        there = {name for (name,) in told.ask("SHOW TABLES")}
        return "predictions_rows_rebuild" in there

    killed_once(told, ("clickhouse",), filling)
    (done,) = rebuild(told, "clickhouse")
    assert views(told) == before
    assert done["rows"]["pairs"] >= len(before["pairs"])
    assert done["refused"] == 0
    assert not [name for (name,) in told.ask("SHOW TABLES") if name.endswith("_rebuild")]


def test_state_is_made_anew_and_nothing_is_said_again(told: PipelineLab, tmp_path: Path) -> None:
    right = {stage: state(told, stage, tmp_path) for stage in STAGES}
    spoken, shown = said(told), views(told)
    for stage in STAGES:
        spoil(told, stage, tmp_path)
        assert state(told, stage, tmp_path) != right[stage]
    at_work = told.settings.state_dir / "rebuild" / f"{told.prefix}-join" / "new-1"
    killed_once(told, ("state",), at_work.exists)
    done = rebuild(told, "state")
    assert [found["stage"] for found in done] == list(STAGES)
    assert all(found["said"] == found["unfounded"] == 0 < found["changed"] for found in done)
    for stage in STAGES:
        assert differing(state(told, stage, tmp_path), right[stage]) == []
    assert said(told) == spoken
    # What comes now meets the state that was made anew: each old event is revised.
    now = Tick(0, time.time_ns() // 1_000)
    more: list[Prediction | Outcome] = [
        event._replace(revision=event.revision + 10, value=(event.value or 0.0) + 1.0)
        for event in every_kind()[::3]
        if not event.retracted
    ]
    told.publish(more)
    settled(told)
    expected = list(Replay(CODEC).run([now, *every_kind(), *more]))
    assert content(told.live_pairs()) == content(standing(expected))
    assert newest_metrics(told.events("metrics", Metric), "all") == newest_metrics(expected, "all")
    assert views(told).keys() == shown.keys()
    stored = {row[0] for row in told.ask("SELECT pair_id FROM pairs")}
    assert stored == standing(expected).keys()
    late = {e.pair_id: e.retracted for e in expected if isinstance(e, LatePair)}
    in_late = {row[0] for row in told.ask("SELECT pair_id FROM late")}
    assert in_late == {pair_id for pair_id, retracted in late.items() if not retracted}
    (open_sum,) = told.ask("SELECT sum(predictions), sum(labelled), sum(expired) FROM coverage")
    assert rebuild(told, "clickhouse")[0]["refused"] == 0
    assert told.ask("SELECT sum(predictions), sum(labelled), sum(expired) FROM coverage") == [
        open_sum
    ]


def differing(
    found: dict[tuple[int, bytes], object], right: dict[tuple[int, bytes], object]
) -> list[object]:
    """Keys and values of two states that differ."""
    keys = sorted(found.keys() | right.keys())
    return [(k, found.get(k), right.get(k)) for k in keys if found.get(k) != right.get(k)]


def standing(events: list[Event]) -> dict[str, Pair]:
    """The last word on every pair that stands."""
    last = {event.pair_id: event for event in events if isinstance(event, Pair)}
    return {pair_id: pair for pair_id, pair in last.items() if pair.status != "retracted"}


def test_a_lost_changelog_is_made_anew_and_what_was_held_back_is_said(lab: PipelineLab) -> None:
    never_quiet = StreamSettings(session_timeout_s=6.0, quiet_after_s=60.0)
    lab.settings = lab.settings.model_copy(update={"streams": never_quiet})
    events = load(500)

    def told_n() -> float:
        told = newest_metrics(lab.events("metrics", Metric), "all")
        return told.get(("net", "1", "a", None, None, "n"), 0.0) or 0.0

    paired = 500

    def taken_in() -> bool:
        pairs = sorted(lab.committed("pairs"))
        lasts = {("pairs", partition): offset for partition, offset, *_ in pairs}
        return len(pairs) == paired and reached(lab, "monitor", lasts, ("pairs",))

    with lab.stages("join", "monitor") as running:
        lab.publish(events)
        await_that(taken_in, running)
        # Under load one pair more than was told of is no reason to tell the metrics again.
        while told_n() == paired:
            lab.publish([prediction(f"more {paired}"), outcome(f"more {paired}")])
            paired += 1
            await_that(taken_in, running)
    await_still(lab, *STAGES)
    assert 0 < told_n() < paired
    admin = AdminClient(client_settings(lab.settings.kafka))
    changelog = changelog_name(lab.prefix, "monitor")
    admin.delete_topics([changelog])[changelog].result(DEADLINE_S)
    await_that(lambda: changelog not in admin.list_topics(timeout=DEADLINE_S).topics)
    (done,) = rebuild(lab, "state", "--stages", "monitor")
    assert told_n() == paired
    assert done["said"] > 0 == done["unfounded"]
    assert rebuild(lab, "state", "--stages", "monitor")[0]["said"] == 0


def test_stages_that_run_are_left_alone(lab: PipelineLab) -> None:
    with lab.stages("join") as running:
        lab.publish([prediction("M")])
        await_that(lambda: lab.end("coverage") > 0, running)
        refuse_running(lab.settings, ["sink", "monitor"])
        process = start_rebuild(lab, "state", "--stages", "join")
        _, err = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 2 and "join must not run" in err
    await_still(lab, "join")


def test_topics_that_have_lost_records_are_refused(lab: PipelineLab) -> None:
    lab.publish([prediction(f"M{i}") for i in range(20)])
    refuse_removed(lab.settings.kafka, ["predictions"])
    at = TopicPartition(topic_name(lab.prefix, "predictions"), 0, 1)
    admin = AdminClient(client_settings(lab.settings.kafka))
    admin.delete_records([at])[at].result(DEADLINE_S)
    with pytest.raises(UserError, match=r"the first 1 of .*accept-loss"):
        refuse_removed(lab.settings.kafka, ["predictions", "outcomes"])


def test_a_broker_that_has_just_started_is_waited_for(tmp_path: Path, cache_dir: Path) -> None:
    with LocalStack(tmp_path / "fresh", cache_dir, clickhouse=False) as fresh:
        kafka = KafkaSettings(bootstrap_servers=fresh.bootstrap_servers)
        # Each group has its place among fifty, which the broker takes up one by one.
        groups = [f"stage-{number}" for number in range(50)]
        refuse_running(Settings(state_dir=tmp_path, kafka=kafka), groups)
