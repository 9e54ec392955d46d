"""The endpoint as a process: starting, refusing to start, stopping, dying."""

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from embedded_endpoint import ROOT, STOP_S_MAX, Endpoint

START_S_MAX = 20.0


def refused(command: list[str]) -> str:
    """Return the one sentence a start that must fail says."""
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=START_S_MAX, check=False
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    return ended.stderr


def test_rows_are_there_after_a_stop_and_after_a_kill(own_endpoint: Endpoint) -> None:
    client = own_endpoint.client()
    client.command("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    client.command("INSERT INTO t VALUES (1)")
    assert own_endpoint.stop() == 0
    own_endpoint.start()
    for n in range(2, 12):
        client.command(f"INSERT INTO t VALUES ({n})")
    own_endpoint.kill()
    ready = own_endpoint.start()
    assert ready["ready"] is True
    assert client.command("SELECT version()") == ready["version"]
    assert client.query("SELECT count(), sum(a) FROM t").result_rows == [(11, 66)]
    client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_query_does_not_hold_up_a_stop(
    own_endpoint: Endpoint, number: signal.Signals
) -> None:
    client = own_endpoint.client()
    slow = own_endpoint.client()
    assert own_endpoint.process is not None
    pid = own_endpoint.process.pid
    failed: list[Exception] = []

    def run() -> None:
        try:
            slow.query("SELECT count() FROM numbers(10000000000000) WHERE sipHash64(number) = 1")
        except DatabaseError as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    seen = "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(number)%'"
    while client.command(seen) != 2:
        pass
    os.kill(pid, number)
    assert own_endpoint.process.wait(STOP_S_MAX) == 0
    thread.join(STOP_S_MAX)
    assert failed


def test_after_a_stop_nothing_answers(own_endpoint: Endpoint) -> None:
    own_endpoint.stop()
    with pytest.raises(OperationalError):
        own_endpoint.client(connect_timeout=1)


def test_a_path_that_is_held_is_refused(endpoint: Endpoint) -> None:
    assert "another process holds" in refused(endpoint.command(port="0"))


def test_a_port_in_use_is_refused(endpoint: Endpoint, tmp_path: Path) -> None:
    sentence = refused(endpoint.command(path=str(tmp_path / "other")))
    assert f"port {endpoint.port} of 127.0.0.1 cannot be used" in sentence


def test_a_path_that_cannot_be_written_is_refused(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        assert "cannot be written" in refused(endpoint.command(path=str(path), port="0"))


def test_bad_users_and_database_are_refused(endpoint: Endpoint, tmp_path: Path) -> None:
    missing = endpoint.command(users=str(tmp_path / "none.json"), port="0")
    assert "cannot be read" in refused(missing)
    assert "must be a word" in refused(endpoint.command(database="lab; DROP", port="0"))


def test_only_loopback_listens(endpoint: Endpoint) -> None:
    for family, _, _, _, address in socket.getaddrinfo(socket.gethostname(), endpoint.port):
        if family == socket.AF_INET and not str(address[0]).startswith("127."):
            with socket.socket(family) as attempt, pytest.raises(OSError):
                attempt.settimeout(2)
                attempt.connect(address)


def test_a_directory_of_any_name_will_do(tmp_path: Path) -> None:
    odd = tmp_path / "a b?c&d=%20'ω"
    odd.mkdir()
    endpoint = Endpoint(odd)
    endpoint.start()
    client = endpoint.client()
    client.command("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
    client.close()
    assert endpoint.stop() == 0
    assert list((endpoint.path / "store").iterdir())
