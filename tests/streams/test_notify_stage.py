"""The stage on a real broker, telling real servers."""

import base64
import json
import time
from collections.abc import Iterator

import psutil
import pytest
from alert_examples import alert, say
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer, TopicPartition
from notify_server import Received, Server
from pipeline_lab import CODEC, PipelineLab, await_that

from schemas.events import DeadLetter
from schemas.topics import address_of, topic_name
from streams.addresses import as_environment
from streams.commands import dead_letters
from streams.kafka_access import client_settings, groups_ready
from streams.notify import group_of
from streams.notify.channels import as_addresses, names_of
from streams.notify.process import run
from streams.supervisor import Supervisor
from streams.worker_name import WorkerName

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    with Server().running() as first, Server().running() as second:
        yield first, second


def address(server: Server, **options: object) -> dict[str, object]:
    return {"url": server.url, "secret": SECRET, "timeout_s": 5.0} | options


def telling(lab: PipelineLab, **webhooks: dict[str, object]) -> PipelineLab:
    notify = as_addresses({"webhook": webhooks})
    lab.settings = lab.settings.model_copy(update={"notify": notify})
    return lab


def await_ready(lab: PipelineLab, running: Supervisor) -> None:
    groups = [group_of(lab.prefix, name) for name in names_of(lab.settings.notify)]
    await_that(lambda: groups_ready(lab.settings.kafka, groups), running)


def told(received: list[Received]) -> list[tuple[str, str]]:
    found = [json.loads(one.body) for one in received]
    return [(one["data"]["alert"]["alert_id"], one["type"]) for one in found]


def kill(running: Supervisor) -> None:
    launcher = psutil.Process(running.process_ids["notify 1"])
    family = [*launcher.children(recursive=True), launcher]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=10)


def log_of(lab: PipelineLab) -> str:
    return (lab.settings.state_dir / "logs" / "stage-notify-1.log").read_text()


def test_each_address_is_told_in_order_at_its_own_pace(
    lab: PipelineLab, servers: tuple[Server, Server]
) -> None:
    busy, fine = servers
    busy.answers = [(503, None), (429, "1"), (500, None)]
    telling(lab, busy=address(busy), fine=address(fine), picky=address(fine, assays=["other"]))
    with lab.stages("notify") as running:
        await_ready(lab, running)
        say(lab, [alert("never", assay_id="logP")], commit=False)
        rows = [alert("a", 1), alert("a", 2, n=30), alert("a", 3, "acknowledged")]
        say(lab, [*rows, alert("a", 4, "recovered"), alert("b", 1, model_id="other")])
        fine.await_received(4)
        busy.await_received(7)
        fine.await_received(4)
    whole = [("a", "alert.open"), ("a", "alert.acknowledged"), ("a", "alert.recovered")]
    assert [one for one in told(fine.received) if one[0] == "a"] == whole
    delivered = [one for one in told(busy.received[3:]) if one[0] == "a"]
    assert delivered == whole
    assert ("b", "alert.open") in told(busy.received) and len(busy.received) == 7
    ids = {one.headers["webhook-id"] for one in busy.received}
    assert len(ids) == 4 and ids == {one.headers["webhook-id"] for one in fine.received}
    log = log_of(lab)
    assert "answers 503" in log
    assert "t0ken" not in log and SECRET not in log and SECRET[6:] not in log


def test_what_was_under_way_when_it_died_is_told_again_under_the_same_id(
    lab: PipelineLab, servers: tuple[Server, Server]
) -> None:
    slow, fine = servers
    telling(lab, slow=address(slow, timeout_s=60.0), fine=address(fine))
    with lab.stages("notify") as running:
        await_ready(lab, running)
        say(lab, [alert("first")])
        slow.await_received(1)
        await_that(lambda: lab_committed(lab, "webhook.slow") == 1, running)
        with slow.gate:
            say(lab, [alert("second"), alert("second", 2, "recovered")])
            slow.await_received(2)
            fine.await_received(3)
            await_that(lambda: lab_committed(lab, "webhook.fine") >= 4, running)
            assert lab_committed(lab, "webhook.slow") <= 2, "committed before it was delivered"
            kill(running)
        await_that(lambda: ("second", "alert.recovered") in told(slow.received), running)
    seconds = [one for one in slow.received if told([one]) == [("second", "alert.open")]]
    assert len(seconds) == 2 and len({one.headers["webhook-id"] for one in seconds}) == 1
    assert told(slow.received)[-1] == ("second", "alert.recovered")
    assert len(fine.received) == 3, "one address was told again because of another"


def test_what_cannot_be_told_is_given_up_with_a_dead_letter(
    lab: PipelineLab, servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing, down = servers
    refusing.answers = [(404, None)]
    down.answers = [(503, None)] * 50
    telling(lab, refusing=address(refusing), down=address(down, give_up_after_s=1.0))
    with lab.stages("notify") as running:
        await_ready(lab, running)
        say(lab, [alert("a")])
        await_that(lambda: len(lab.events("dead-letters", DeadLetter)) >= 2, running)
        say(lab, [alert("a", 2, "recovered")])
        refusing.await_received(2)
    letters = {letter.origin: letter for letter in lab.events("dead-letters", DeadLetter)}
    assert "answers 404" in letters["notify of webhook.refusing"].reason
    assert "answers 503" in letters["notify of webhook.down"].reason
    assert told(refusing.received) == [("a", "alert.open"), ("a", "alert.recovered")]
    assert told(down.received).count(("a", "alert.open")) >= 2
    for name, value in as_environment(lab.settings).items():
        monkeypatch.setenv(name, value)
    letter_id = letters["notify of webhook.down"].dead_letter_id
    shown = CliRunner().invoke(dead_letters.command, ["show", letter_id, "--json"])
    said = json.loads(shown.output)
    assert said["payload"]["record"]["alert_id"] == "a" and not said["replayable"]
    assert "mend notify.webhook.down in the settings" in said["advice"]
    log = log_of(lab)
    assert "gave up telling webhook.refusing" in log and "gave up telling webhook.down" in log


def test_a_new_address_is_not_told_what_was_long_ago(
    lab: PipelineLab, servers: tuple[Server, Server]
) -> None:
    server, _ = servers
    telling(lab, new=address(server))
    say_long_ago(lab)
    with lab.stages("notify") as running:
        await_ready(lab, running)
        say(lab, [alert("old", 2, "recovered"), alert("new")])
        server.await_received(2)
    assert sorted(told(server.received)) == [("new", "alert.open"), ("old", "alert.recovered")]


def say_long_ago(lab: PipelineLab) -> None:
    """Write an alert with a time of a day ago, as Kafka allows."""
    producer = Producer(client_settings(lab.settings.kafka))
    old = alert("old")
    key, partition = address_of(old, lab.settings.kafka.partitions)
    at_ms = int((time.time() - 86_400) * 1_000)
    producer.produce(
        topic_name(lab.prefix, "alerts"), CODEC.encode(old), key, partition, timestamp=at_ms
    )
    assert producer.flush(30) == 0


def lab_committed(lab: PipelineLab, name: str) -> int:
    """Return the sum of the records that an address has behind it, markers included."""
    consumer = Consumer(
        client_settings(lab.settings.kafka) | {"group.id": group_of(lab.prefix, name)}
    )
    places = [
        TopicPartition(topic_name(lab.prefix, "alerts"), p)
        for p in range(lab.settings.kafka.partitions)
    ]
    found = sum(max(0, place.offset) for place in consumer.committed(places, 10))
    consumer.close()
    return found


def test_the_stage_needs_a_channel(lab: PipelineLab) -> None:
    with pytest.raises(Exception, match="no channel is set"):
        run(lab.settings, WorkerName.of_this_process("notify"))
