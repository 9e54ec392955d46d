"""The local stack with the real Kafka broker alone: clients, restart, crash, refusals."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from schemas.errors import OursError, UserError
from streams.local import state
from streams.local.kafka import MESSAGE_BYTES_MAX
from streams.local.ports import LOOPBACK, choose_port
from streams.local.stack import LocalStack

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED_CACHE = REPOSITORY / ".recalibra" / "cache"
DEADLINE_S = 30.0
TOPIC = "lab.predictions"
RUN_IN_ANOTHER_PROCESS = """
import sys, time
from pathlib import Path
from streams.local.stack import LocalStack
with LocalStack(Path(sys.argv[1]), Path(sys.argv[2]), clickhouse=False):
    print("ready", flush=True)
    time.sleep(600)
"""


def kafka_only(state_dir: Path, **options: object) -> LocalStack:
    return LocalStack(state_dir, SHARED_CACHE, clickhouse=False, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    port = choose_port(None, "test")
    with kafka_only(tmp_path_factory.mktemp("stack"), kafka_port=port) as running:
        assert running.bootstrap_servers == f"{LOOPBACK}:{port}"
        yield running


def create_topic(bootstrap_servers: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(DEADLINE_S)


def produce(bootstrap_servers: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    errors: list[object] = []
    for value in values:
        producer.produce(TOPIC, value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(DEADLINE_S) == 0
    assert errors == [None] * len(values)


def consume(bootstrap_servers: str, count: int) -> list[bytes]:
    """Read the topic of one partition from its start, as a consumer group."""
    settings = {"bootstrap.servers": bootstrap_servers, "auto.offset.reset": "earliest"}
    consumer = Consumer({**settings, "group.id": "test", "enable.auto.commit": False})
    consumer.subscribe([TOPIC])
    found: list[bytes] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {len(found)} of {count} records"
        found += [message.value() or b"" for message in consumer.consume(count, 0.2)]
    low, high = consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), DEADLINE_S)
    consumer.close()
    assert (low, high) == (0, count)
    return found


def wait_until_gone(processes: list[psutil.Process]) -> None:
    def is_alive(process: psutil.Process) -> bool:
        try:
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    wait_until(lambda: not any(is_alive(one) for one in processes), f"left: {processes}")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def processes_of(stack: LocalStack) -> list[psutil.Process]:
    launchers = [psutil.Process(pid) for pid in stack.process_ids.values()]
    return [*launchers, *(one for launcher in launchers for one in launcher.children(True))]


def java_of(stack: LocalStack) -> psutil.Process:
    (java,) = psutil.Process(stack.process_ids["Kafka"]).children()
    return java


def test_data_survive_stop_and_the_death_of_every_process(tmp_path: Path) -> None:
    # A comma, a blank and an umlaut: neither Java nor a properties file takes them as they are.
    folder = tmp_path / "Zürich, lab 1"
    values = [str(number).encode() for number in range(150)]
    with kafka_only(folder) as stack:
        create_topic(stack.bootstrap_servers, TOPIC)
        produce(stack.bootstrap_servers, values[:100])
        java_of(stack).kill()
        with pytest.raises(OursError, match="Kafka ended unexpectedly with code 137") as caught:
            stack.monitor(threading.Event())
        assert str(folder / "logs" / "kafka.log") in str(caught.value)
    assert state.read_running_stack(folder) is None

    command = [sys.executable, "-c", RUN_IN_ANOTHER_PROCESS, str(folder), str(SHARED_CACHE)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        found = state.read_running_stack(folder)
        assert found is not None
        assert found.pid == parent.pid
        assert consume(found.bootstrap_servers, 100) == values[:100]
        produce(found.bootstrap_servers, values[100:])
        processes = psutil.Process(parent.pid).children(recursive=True)
        assert {"java"} < {one.name() for one in processes}
        parent.kill()
    # At once: the next start waits for what the killed one left behind.
    with kafka_only(folder, maven_repository=f"http://{LOOPBACK}:9") as stack:
        wait_until_gone(processes)
        assert consume(stack.bootstrap_servers, 150) == values
        processes = processes_of(stack)
        assert len(processes) == 2
    wait_until_gone(processes)
    assert state.read_running_stack(folder) is None


def test_clients_are_sent_to_the_address_they_know(stack: LocalStack) -> None:
    brokers = AdminClient({"bootstrap.servers": stack.bootstrap_servers}).list_topics(
        timeout=DEADLINE_S
    )
    (broker,) = brokers.brokers.values()
    assert f"{broker.host}:{broker.port}" == stack.bootstrap_servers


def test_the_broker_listens_on_loopback_only(stack: LocalStack) -> None:
    listening = [
        one.laddr.ip
        for one in java_of(stack).net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 2
    assert {ip.removeprefix("::ffff:") for ip in listening} == {LOOPBACK}


def test_settings_that_the_streams_rely_on(stack: LocalStack) -> None:
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    (described,) = admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]).values()
    settings = {name: entry.value for name, entry in described.result(DEADLINE_S).items()}
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["group.initial.rebalance.delay.ms"] == "0"
    assert settings["offsets.topic.replication.factor"] == "1"
    assert settings["transaction.state.log.min.isr"] == "1"
    assert int(settings["message.max.bytes"]) == MESSAGE_BYTES_MAX


def test_an_unknown_topic_is_not_made(stack: LocalStack) -> None:
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    admin.list_topics("never.made", timeout=DEADLINE_S)
    assert "never.made" not in admin.list_topics(timeout=DEADLINE_S).topics


def test_transactions_and_large_messages_work(stack: LocalStack) -> None:
    create_topic(stack.bootstrap_servers, "large")
    producer = Producer(
        {
            "bootstrap.servers": stack.bootstrap_servers,
            "transactional.id": "lane",
            "message.max.bytes": MESSAGE_BYTES_MAX,
        }
    )
    producer.init_transactions(DEADLINE_S)
    producer.begin_transaction()
    producer.produce("large", bytes(MESSAGE_BYTES_MAX - 100_000))
    producer.commit_transaction(DEADLINE_S)


def test_a_second_stack_in_the_folder_is_refused(stack: LocalStack) -> None:
    folder = Path(stack.addresses.users_file).parent
    with pytest.raises(UserError, match=rf"already running in {re.escape(str(folder))} \(process"):
        kafka_only(folder).start()
    assert state.read_running_stack(folder) == stack.addresses
    stack.check()


def test_a_port_in_use_is_refused_and_the_folder_is_free_again(
    stack: LocalStack, tmp_path: Path
) -> None:
    port = int(stack.bootstrap_servers.rpartition(":")[2])
    with pytest.raises(UserError, match=f"Port {port} for Kafka is in use"):
        kafka_only(tmp_path, kafka_port=port).start()
    state.StateLock.acquire(tmp_path).release()


def test_no_network_is_refused_and_the_folder_is_free_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", LOOPBACK)
    nowhere = f"http://{LOOPBACK}:{choose_port(None, 'nobody')}"
    unstarted = LocalStack(tmp_path, clickhouse=False, maven_repository=nowhere)
    with pytest.raises(UserError, match="could not be fetched"):
        unstarted.start()
    with pytest.raises(OursError, match="not running"):
        _ = unstarted.bootstrap_servers
    state.StateLock.acquire(tmp_path).release()


def test_a_broker_that_cannot_start_is_named_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    with pytest.raises(OursError, match=r"(?s)Kafka ended unexpectedly.*meta\.properties"):
        kafka_only(tmp_path).start()
