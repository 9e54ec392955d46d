"""Restoring from a real changelog, and what a stage does with one that it cannot read."""

import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from pipeline_lab import CODEC, DEADLINE_S, PipelineLab, await_that

from schemas.errors import OursError, RefusedStateError, UserError
from schemas.events import AssayContext, Outcome, Pair, Prediction, Tick
from streams import changelog
from streams.kafka_access import changelog_name, client_settings
from streams.lane_offsets import packed
from streams.lane_store import OFFSETS_KEY, STATE_VERSION, LaneStore
from streams.settings.processes import StreamSettings

NEWER = b"\0\0" + (STATE_VERSION + 1).to_bytes(2, "big")
OLDER = b"\0\x09lab.pairs" + bytes(8)
NOW_US = 1_700_000_000_000_000


def write(lab: PipelineLab, records: list[tuple[bytes, bytes]], partition: int = 0) -> None:
    """Write one transaction into the join's changelog."""
    producer = Producer(
        client_settings(lab.settings.kafka) | {"transactional.id": uuid.uuid4().hex}
    )
    producer.init_transactions(DEADLINE_S)
    producer.begin_transaction()
    for key, value in records:
        producer.produce(changelog_name(lab.prefix, "join"), value, key, partition)
    producer.commit_transaction(DEADLINE_S)


def restore(lab: PipelineLab, store: LaneStore, **more: Any) -> int:
    topic = changelog_name(lab.prefix, "join")
    return changelog.restore(store, topic, 0, client_settings(lab.settings.kafka), **more)


def test_what_a_newer_owner_adds_meanwhile_is_not_applied(
    lab: PipelineLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ReadsWhileOthersWrite(Consumer):  # type: ignore[misc]
        def get_watermark_offsets(self, *args: Any, **more: Any) -> tuple[int, int]:
            found: tuple[int, int] = super().get_watermark_offsets(*args, **more)
            # Both transactions come in one fetch.
            write(lab, [(b"a", b"of the next owner"), (b"b", b"2")])
            return found

    write(lab, [(b"a", b"1"), (OFFSETS_KEY, packed({}))])
    monkeypatch.setattr(changelog, "Consumer", ReadsWhileOthersWrite)
    store = LaneStore(tmp_path / "store", NOW_US)
    assert restore(lab, store) == 2
    assert list(store.scan(b"")) == [(b"a", b"1")]
    # Two records and a marker.
    assert store.changelog_position == 3
    monkeypatch.setattr(changelog, "Consumer", Consumer)
    assert restore(lab, store) == 2
    assert dict(store.scan(b"")) == {b"a": b"of the next owner", b"b": b"2"}
    store.close()


def test_a_restore_that_is_given_up_goes_on_later(lab: PipelineLab, tmp_path: Path) -> None:
    write(lab, [(b"a", b"1"), (OFFSETS_KEY, packed({}))])
    store = LaneStore(tmp_path / "store", NOW_US)
    with pytest.raises(OursError, match="given up"):
        restore(lab, store, given_up=lambda: True)
    assert store.changelog_position == 0
    assert restore(lab, store) == 2
    store.close()


@pytest.mark.parametrize(
    ("record", "advice"), [(NEWER, "run the newer program"), (OLDER, "another topic_prefix")]
)
def test_a_changelog_of_another_version_is_refused(
    lab: PipelineLab, tmp_path: Path, record: bytes, advice: str
) -> None:
    write(lab, [(b"a", b"1"), (OFFSETS_KEY, record)])
    store = LaneStore(tmp_path / "store", NOW_US)
    for _ in range(2):
        with pytest.raises(RefusedStateError, match=advice):
            restore(lab, store)
    assert store.get(b"a") is None
    store.close()


def test_a_store_ahead_of_its_changelog_is_refused(lab: PipelineLab, tmp_path: Path) -> None:
    write(lab, [(b"a", b"1"), (OFFSETS_KEY, packed({}))])
    store = LaneStore(tmp_path / "store", NOW_US)
    store.commit(packed({}), 99, NOW_US)
    with pytest.raises(RefusedStateError, match="the topic was deleted"):
        restore(lab, store)
    store.close()


def test_a_stage_says_that_its_changelog_is_newer_and_is_not_started_again(
    lab: PipelineLab,
) -> None:
    write(lab, [(OFFSETS_KEY, NEWER)])
    with lab.stages("join") as running, pytest.raises(UserError, match="run the newer program"):
        await_that(lambda: bool(lab.said), running)
    assert lab.said == []


def test_a_stage_waits_for_room_on_its_disk_and_goes_on(lab: PipelineLab) -> None:
    log = lab.settings.state_dir / "logs" / "stage-join-1.log"
    enough = lab.settings.streams
    too_much = enough.model_copy(update={"free_disk_min_mb": 1e9})
    context = AssayContext()
    lab.publish([Prediction("p", 0, False, "M", "a", context, "net", "1", 1.0)])
    lab.publish([Outcome("o", 0, False, "M", "a", context, 2.0)])
    lab.settings = lab.settings.model_copy(update={"streams": too_much})
    with lab.stages("join") as running:
        await_that(lambda: log.exists() and "MB of room" in log.read_text(), running)
        assert lab.committed("pairs") == []
    lab.settings = lab.settings.model_copy(update={"streams": enough})
    with lab.stages("join") as running:
        await_that(lambda: len(lab.committed("pairs")) == 1, running)
    assert [pair.measured for pair in lab.events("pairs", Pair)] == [2.0]
    assert lab.said == []


def test_every_lane_of_the_join_is_told_the_time_and_every_stage_hears_it(
    lab: PipelineLab,
) -> None:
    partitions = range(lab.settings.kafka.partitions)
    ticking = StreamSettings(session_timeout_s=6.0, tick_interval_s=0.5)
    lab.settings = lab.settings.model_copy(update={"streams": ticking})

    def told() -> dict[int, list[Tick]]:
        found: dict[int, list[Tick]] = {partition: [] for partition in partitions}
        for partition, _, _, value in lab.committed("ticks"):
            found[partition].append(CODEC.decode(value, Tick))
        return found

    with lab.stages("join", "monitor") as running:
        await_that(lambda: all(len(ticks) >= 3 for ticks in told().values()), running)
        await_that(lambda: lab.end("monitor-changelog") >= len(partitions), running)
    for partition, ticks in told().items():
        assert {tick.lane for tick in ticks} == {partition}
        between = [b.at - a.at for a, b in pairwise(ticks)]
        assert all(us >= 500_000 for us in between)
