"""The status and the metrics of real workers, beside what was really sent."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from pipeline_lab import PipelineLab, await_that, outcome, prediction
from prometheus_client.parser import text_string_to_metric_families

from schemas.topics import topic_name
from streams.addresses import as_environment
from streams.lane_facts import Note
from streams.local.stack import LocalStack
from streams.settings import REPOSITORY
from streams.worker_places import worker_places

DAY_S = 86_400


def status(lab: PipelineLab, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "status", *options],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200"} | as_environment(lab.settings),
        check=False,
    )


def told(lab: PipelineLab) -> dict[str, Any]:
    """The status as another program reads it."""
    done = status(lab, "--json", "--every", "0.5")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stage(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(s for s in found["stages"] if s["stage"] == name)


def metrics(lab: PipelineLab, process: int | None = None) -> dict[str, float]:
    """Every metric of a process or all, summed over lanes; of an input's lag by topic."""
    sums: dict[str, float] = {}
    for place in worker_places(lab.settings.state_dir):
        if process not in (None, place.pid):
            continue
        with urllib.request.urlopen(f"http://{place.host}:{place.port}/metrics") as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                topic = sample.labels.get("topic")
                for name in {sample.name, f"{sample.name} {topic}"}:
                    sums[name] = sums.get(name, 0) + sample.value
    return sums


def lanes_of_each(lab: PipelineLab) -> list[float]:
    pids = [place.pid for place in worker_places(lab.settings.state_dir)]
    return [metrics(lab, pid).get("recalibra_lanes_owned", 0) for pid in pids]


def all_taken(sums: dict[str, float], sent: int) -> bool:
    """Whether all records were taken that were sent, and the ticks of the lanes themselves."""
    ticks = sums["recalibra_records_sent_total ticks"]
    return sums["recalibra_records_taken_total"] == sent + ticks


def test_status_and_metrics_say_what_was_sent(lab: PipelineLab) -> None:
    now_us = int(time.time() * 1e6)
    made_at = now_us - 3 * DAY_S * 1_000_000
    lab.publish([prediction(f"M{i}", predicted_at=made_at + i) for i in range(30)])
    lab.publish([outcome(f"M{i}")._replace(measured_at=now_us) for i in range(20)])
    nonsense = Producer({"bootstrap.servers": str(lab.settings.kafka.bootstrap_servers)})
    for _ in range(3):
        nonsense.produce(topic_name(lab.prefix, "outcomes"), b"no Avro", partition=0)
    nonsense.flush()
    fixed_port = lab.settings.streams.model_copy(update={"metrics_port": 29_464})
    lab.settings = lab.settings.model_copy(update={"streams": fixed_port})
    before = told(lab)
    assert not before["running"] and stage(before, "join")["behind_records"] == 53
    with lab.stages("join", processes=2) as running:
        await_that(lambda: len(lab.committed("pairs")) == 20, running)
        await_that(lambda: lanes_of_each(lab) == [2, 2], running)
        # A lane says what is open with its first checkpoint, and it may have moved after that.
        lab.publish([prediction(f"N{i}", predicted_at=now_us) for i in range(40)])
        await_that(lambda: metrics(lab)["recalibra_lag_records"] == 0, running)
        await_that(lambda: all_taken(metrics(lab), 93), running)
        sums = metrics(lab)
        assert sums["recalibra_records_sent_total pairs"] == 20
        assert sums["recalibra_dead_letters_total"] == 3
        assert sums["recalibra_open_predictions"] == 50
        transactions = sums["recalibra_transactions_total"]
        assert sums["recalibra_transaction_duration_seconds_count"] == transactions >= 4
        assert sums["process_resident_memory_bytes"] > 2e7
        assert lab.said == [], "the second process found a port of its own"
        join = stage(found := told(lab), "join")
        assert found["running"] and found["dead_letters"] == 3 and found["dead_letters_all_counted"]
        assert (join["behind_records"], join["open_predictions"]) == (0, 50)
        made = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(made_at / 1e6))
        assert join["oldest_open_prediction_at"].startswith(made)
        pids = {place.pid for place in worker_places(lab.settings.state_dir)}
        assert {int(lane["owner"].split(":")[-1]) for lane in join["lanes"]} == pids
        assert {lane["state"] for lane in join["lanes"]} == {"up to date"}
        assert stage(found, "monitor")["behind_records"] > 20
        shown = status(lab)
        assert "recalibra worker --stages monitor,sink" in shown.stdout
        assert "3 dead letters" in shown.stdout and "2 workers" in shown.stdout
    assert worker_places(lab.settings.state_dir) == [], "a clean stop takes its address back"


def test_what_is_only_known_of_a_lane_elsewhere(lab: PipelineLab, tmp_path: Path) -> None:
    """As on another machine: nothing of the workers' state folder is seen."""
    now_us = int(time.time() * 1e6)
    lab.publish([prediction(f"M{i}", predicted_at=now_us) for i in range(5)])
    with lab.stages("join") as running:
        await_that(lambda: stage(told(lab), "join")["open_predictions"] == 5, running)
        own = lab.settings
        lab.settings = own.model_copy(update={"state_dir": tmp_path / "elsewhere"})
        found = told(lab)
        lab.settings = own
    join = stage(found, "join")
    assert found["workers_here"] == [] and len(join["workers"]) == 1
    assert join["open_predictions"] == 5 and join["last_checkpoint_at"] is not None
    assert {lane["state"] for lane in join["lanes"]} == {"up to date"}


def test_when_nothing_runs_it_says_so(lab: PipelineLab) -> None:
    shown = status(lab, "--every", "0.5")
    assert shown.returncode == 0 and "No worker runs" in shown.stdout
    assert "`recalibra worker`" in shown.stdout


def test_a_broker_that_is_away_is_one_sentence_within_15_s(lab: PipelineLab) -> None:
    kafka = lab.settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:9"})
    lab.settings = lab.settings.model_copy(update={"kafka": kafka})
    began_s = time.monotonic()
    done = status(lab)
    assert time.monotonic() - began_s < 15
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "127.0.0.1:9 does not answer" in done.stderr


def test_a_prefix_without_topics_is_one_sentence(stack: LocalStack, lab: PipelineLab) -> None:
    kafka = lab.settings.kafka.model_copy(update={"topic_prefix": "nobody"})
    lab.settings = lab.settings.model_copy(update={"kafka": kafka})
    done = status(lab)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "recalibra setup" in done.stderr


@pytest.mark.parametrize("text", [None, "", "{", "[1]", '{"worker": 1}', "a note of another"])
def test_a_note_of_another_program_is_none(text: str | None) -> None:
    assert Note.from_text(text) is None


def test_a_note_says_what_was_noted() -> None:
    note = Note("join-1@lab:7", 1_700_000_000_000, 3, 12, None)
    assert Note.from_text(note.to_text()) == note
