"""The whole local stack, Kafka and the embedded ClickHouse together: data, crashes, refusals."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import clickhouse_connect
import psutil
import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from schemas.errors import OursError, UserError
from streams.local.ports import LOOPBACK
from streams.local.stack import LocalStack
from streams.local.state import StackAddresses, read_running_stack, read_users

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED_CACHE = REPOSITORY / ".recalibra" / "cache"
DEADLINE_S = 30.0
TOPIC = "lab.predictions"
RUN_IN_ANOTHER_PROCESS = """
import sys, time
from pathlib import Path
from streams.local.stack import LocalStack
with LocalStack(Path(sys.argv[1]), Path(sys.argv[2]), clickhouse_database="lab"):
    print("ready", flush=True)
    time.sleep(600)
"""


def running(state_dir: Path) -> StackAddresses:
    """Find the stack as another command does: by what the state folder says."""
    found = read_running_stack(state_dir)
    assert found is not None
    return found


def connect(state_dir: Path, user: str) -> Client:
    found = running(state_dir)
    return clickhouse_connect.get_client(
        host=found.clickhouse_host,
        port=found.clickhouse_port,
        database=found.clickhouse_database,
        username=user,
        password=read_users(Path(found.users_file))[user].password,
    )


def insert(state_dir: Path, numbers: range) -> None:
    with connect(state_dir, "writer") as writer:
        writer.command("CREATE TABLE IF NOT EXISTS kept (n UInt8) ENGINE = MergeTree ORDER BY n")
        writer.insert("kept", [[number] for number in numbers], column_names=["n"])


def select(state_dir: Path) -> list[int]:
    with connect(state_dir, "analyst") as analyst:
        return [row[0] for row in analyst.query("SELECT n FROM kept ORDER BY n").result_rows]


def produce(state_dir: Path, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": running(state_dir).bootstrap_servers})
    errors: list[object] = []
    for number in numbers:
        producer.produce(TOPIC, str(number), on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(DEADLINE_S) == 0
    assert errors == [None] * len(numbers)


def consume(state_dir: Path, count: int) -> list[int]:
    """Read the topic of one partition from its start, as a consumer group."""
    servers = {"bootstrap.servers": running(state_dir).bootstrap_servers}
    group = {"group.id": "test", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({**servers, **group})
    consumer.subscribe([TOPIC])
    found: list[int] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {len(found)} of {count} records"
        found += [int(message.value() or b"") for message in consumer.consume(count, 0.2)]
    assert consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), DEADLINE_S) == (0, count)
    consumer.close()
    return found


def command_of(stack: LocalStack, name: str) -> psutil.Process:
    (command,) = psutil.Process(stack.process_ids[name]).children()
    return command


def wait_until_gone(processes: list[psutil.Process]) -> None:
    def is_alive(process: psutil.Process) -> bool:
        try:
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    deadline = time.monotonic() + DEADLINE_S
    while any(is_alive(one) for one in processes):
        assert time.monotonic() < deadline, f"left: {processes}"
        time.sleep(0.02)


def test_data_survive_the_death_of_every_process(tmp_path: Path) -> None:
    # A comma, a blank and an umlaut: neither Java nor a properties file takes them as they are.
    folder = tmp_path / "Zürich, lab 1"
    lines: list[str] = []
    first = LocalStack(folder, SHARED_CACHE, clickhouse_database="lab", progress=lines.append)
    with first as stack:
        assert lines[-2:] == ["Kafka is ready", "ClickHouse is ready"]
        assert running(folder) == stack.addresses
        admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
        admin.create_topics([NewTopic(TOPIC, num_partitions=1)])[TOPIC].result(DEADLINE_S)
        produce(folder, range(100))
        insert(folder, range(100))
        command_of(stack, "Kafka").kill()
        with pytest.raises(OursError, match="Kafka ended unexpectedly with code 137") as caught:
            stack.monitor(threading.Event())
        assert str(folder / "logs" / "kafka.log") in str(caught.value)
    assert read_running_stack(folder) is None

    command = [sys.executable, "-c", RUN_IN_ANOTHER_PROCESS, str(folder), str(SHARED_CACHE)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        assert running(folder).pid == parent.pid
        assert consume(folder, 100) == list(range(100))
        produce(folder, range(100, 150))
        insert(folder, range(100, 150))
        processes = psutil.Process(parent.pid).children(recursive=True)
        assert len(processes) == 4
        parent.kill()
    # At once: the next start waits for what the killed one left behind, and needs no network.
    nowhere = f"http://{LOOPBACK}:9"
    third = LocalStack(folder, SHARED_CACHE, clickhouse_database="lab", maven_repository=nowhere)
    with third as stack:
        wait_until_gone(processes)
        assert consume(folder, 150) == list(range(150))
        assert select(folder) == list(range(150))
        processes = [command_of(stack, name) for name in ("Kafka", "ClickHouse")]
        processes += [psutil.Process(pid) for pid in stack.process_ids.values()]
        command_of(stack, "ClickHouse").kill()
        with pytest.raises(OursError, match="ClickHouse ended unexpectedly with code 137"):
            stack.monitor(threading.Event())
    wait_until_gone(processes)
    assert read_running_stack(folder) is None


def test_a_service_that_cannot_start_ends_the_whole_start(tmp_path: Path) -> None:
    (tmp_path / "clickhouse").touch()
    stack = LocalStack(tmp_path, SHARED_CACHE)
    with pytest.raises(OursError, match=r"(?s)ClickHouse ended unexpectedly with code 2.*written"):
        stack.start()
    assert stack.process_ids == {}
    assert read_running_stack(tmp_path) is None


def test_an_unwritable_folder_of_a_service_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kafka").touch()
    with pytest.raises(UserError, match=r"cannot be used \(.*kafka"):
        LocalStack(tmp_path, SHARED_CACHE, clickhouse=False).start()
    assert read_running_stack(tmp_path) is None
