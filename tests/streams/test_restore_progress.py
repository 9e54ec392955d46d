"""How far a restore is: told by the changelog, by the worker's metrics, and on the terminal."""

import io
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from pipeline_lab import DEADLINE_S, PipelineLab, await_that
from rich.console import Console

from streams import changelog, restore_screen
from streams.kafka_access import changelog_name, client_settings
from streams.lane_facts import LaneFacts
from streams.lane_offsets import packed
from streams.lane_store import OFFSETS_KEY, LaneStore
from streams.metrics import LaneState, StageMetrics
from streams.metrics_server import tell_metrics
from streams.restore_screen import RestoreScreen
from streams.worker_name import WorkerName
from streams.worker_reports import worker_reports

NOW_US = 1_700_000_000_000_000
RECORDS = 20


def test_a_restore_tells_how_far_it_is(
    lab: PipelineLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_settings(lab.settings.kafka)
    producer = Producer(client | {"transactional.id": uuid.uuid4().hex})
    producer.init_transactions(DEADLINE_S)
    producer.begin_transaction()
    for i in range(RECORDS - 1):
        producer.produce(changelog_name(lab.prefix, "join"), b"1", str(i).encode(), 0)
    producer.produce(changelog_name(lab.prefix, "join"), packed({}), OFFSETS_KEY, 0)
    producer.commit_transaction(DEADLINE_S)
    behind_marker = RECORDS + 1
    await_that(lambda: lab.end("join-changelog") == behind_marker)
    monkeypatch.setattr(changelog, "BATCH_RECORDS", 5)
    told: list[tuple[int, int, int]] = []
    store = LaneStore(tmp_path / "store", NOW_US)
    topic = changelog_name(lab.prefix, "join")
    changelog.restore(store, topic, 0, client, progress=lambda *how_far: told.append(how_far))
    store.close()
    assert told[0] == (0, 0, behind_marker)
    assert told[-1] == (RECORDS, behind_marker, behind_marker)
    assert len(told) >= 5 and told == sorted(told)


class Restoring:
    """A worker of which one lane is restored and another is open."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        worker = WorkerName("join", 1, os.uname().nodename, os.getpid())
        self.lane = LaneFacts(str(worker))
        self.is_open = False
        metrics = StageMetrics(worker, "lab", self._lanes)
        tell_metrics(metrics.registry, "127.0.0.1", None, worker, "lab", state_dir)

    def _lanes(self) -> Iterator[LaneState]:
        yield LaneState(0, LaneFacts("join"), {}, True, False)
        yield LaneState(3, self.lane, {}, self.is_open, False)


@pytest.fixture
def restoring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Restoring:
    for name in ("LOOK_EVERY_S", "LOOK_SELDOM_EVERY_S", "LINE_EVERY_S"):
        monkeypatch.setattr(restore_screen, name, 0.0)
    return Restoring(tmp_path)


def test_without_a_terminal_a_line_says_how_far_it_is(restoring: Restoring) -> None:
    said: list[str] = []
    screen = RestoreScreen(restoring.state_dir, "lab", said.append, Console(file=io.StringIO()))
    screen.look()
    assert said == [], "nothing was asked of the changelog yet"
    restoring.lane.restoring(40, 50, 200)
    screen.look()
    restoring.lane.restoring(150, 190, 200)
    screen.look()
    restoring.is_open = True
    screen.look()
    assert said == ["restoring: join[3] 25%", "restoring: join[3] 95%"]


def test_a_terminal_shows_a_bar_while_it_lasts(restoring: Restoring) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=120)
    screen = RestoreScreen(restoring.state_dir, "lab", lambda _: None, console)
    restoring.lane.restoring(40, 50, 200)
    screen.look()
    screen.look()
    screen.close()
    assert "restoring join[3]" in shown.getvalue()
    assert "50 of 200 changelog offsets" in shown.getvalue()


def test_a_report_is_none_of_another_lab_or_of_a_port_that_changed_hands(
    restoring: Restoring, tmp_path: Path
) -> None:
    (report,) = worker_reports([restoring.state_dir], "lab")
    assert set(report.lanes) == {0, 3} and report.memory_bytes
    assert worker_reports([restoring.state_dir], "another") == []
    for path in (restoring.state_dir / "workers").glob("*.json"):
        path.write_text(path.read_text().replace("join-1@", "join-7@"))
    assert worker_reports([restoring.state_dir], "lab") == []
