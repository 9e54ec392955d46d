"""The whole local stack: Kafka and the embedded ClickHouse together, for real."""

import threading
import time
from pathlib import Path

import clickhouse_connect
import psutil
import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka.admin import AdminClient

from schemas.errors import OursError, UserError
from streams.local.stack import LocalStack
from streams.local.state import read_running_stack, read_users

SHARED_CACHE = Path(__file__).resolve().parents[2] / ".recalibra" / "cache"
DEADLINE_S = 30.0


def connect(state_dir: Path, user: str) -> Client:
    """Connect as another command does: by what the state folder says."""
    running = read_running_stack(state_dir)
    assert running is not None
    return clickhouse_connect.get_client(
        host=running.clickhouse_host,
        port=running.clickhouse_port,
        database=running.clickhouse_database,
        username=user,
        password=read_users(Path(running.users_file))[user].password,
    )


def wait_until_gone(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes):
        assert time.monotonic() < deadline, f"left: {processes}"
        time.sleep(0.02)


def test_both_services_run_are_found_and_keep_their_data(tmp_path: Path) -> None:
    lines: list[str] = []
    stack = LocalStack(tmp_path, SHARED_CACHE, clickhouse_database="lab", progress=lines.append)
    with stack:
        assert lines[-2:] == ["Kafka is ready", "ClickHouse is ready"]
        assert read_running_stack(tmp_path) == stack.addresses
        assert stack.clickhouse_database == "lab"
        admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
        assert len(admin.list_topics(timeout=DEADLINE_S).brokers) == 1
        with connect(tmp_path, "writer") as writer:
            writer.command("CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n")
            writer.insert("kept", [[7]], column_names=["n"])
        launcher = psutil.Process(stack.process_ids["ClickHouse"])
        for process in launcher.children(recursive=True):
            process.kill()
        with pytest.raises(OursError, match="ClickHouse ended unexpectedly with code 137"):
            stack.monitor(threading.Event())
    with stack:
        with connect(tmp_path, "analyst") as analyst:
            assert analyst.query("SELECT n FROM kept").result_rows == [(7,)]
        launchers = [psutil.Process(pid) for pid in stack.process_ids.values()]
        processes = [*launchers, *(c for one in launchers for c in one.children(recursive=True))]
        assert len(processes) >= 4
    wait_until_gone(processes)
    assert read_running_stack(tmp_path) is None


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
