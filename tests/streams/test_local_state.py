"""The state folder: lock, record of the running stack, passwords, ports, free space."""

import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import RefusedStateError, UserError
from streams.local import state
from streams.local.ports import LOOPBACK, choose_port
from streams.local.state import StackAddresses, StateLock

REPOSITORY = Path(__file__).resolve().parents[2]


def addresses(pid: int, folder: Path) -> StackAddresses:
    return StackAddresses(pid, f"{LOOPBACK}:9", LOOPBACK, 8, "lab", str(folder / "users.json"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_locked_folder_is_refused_with_the_pid_of_its_holder(tmp_path: Path) -> None:
    lock = StateLock.acquire(tmp_path)
    with pytest.raises(UserError, match=rf"{re.escape(str(tmp_path))} \(process {os.getpid()}\)"):
        StateLock.acquire(tmp_path)
    lock.release()
    StateLock.acquire(tmp_path).release()


def test_a_folder_stays_locked_while_a_child_of_a_dead_holder_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder_code = """
import subprocess, sys
from pathlib import Path
from streams.local.state import StateLock
lock = StateLock.acquire(Path(sys.argv[1]))
subprocess.Popen(["cat"], pass_fds=(lock.descriptor,), stdout=subprocess.DEVNULL)
"""
    command = [sys.executable, "-c", holder_code, str(tmp_path)]
    # The child, `cat`, lives until the pipe that it shares with its dead parent is closed.
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.wait(20) == 0
        state.write_run_file(tmp_path, addresses(holder.pid, tmp_path))
        assert state.read_running_stack(tmp_path) is None
        monkeypatch.setattr(state, "LEFTOVER_TIMEOUT_S", 0.0)
        with pytest.raises(UserError, match=rf"an earlier run \(process {holder.pid}\) left"):
            StateLock.acquire(tmp_path)
        holder.stdin.close()
        monkeypatch.setattr(state, "LEFTOVER_TIMEOUT_S", 20.0)
        StateLock.acquire(tmp_path).release()


def test_the_running_stack_is_found_only_while_it_runs(tmp_path: Path) -> None:
    written = addresses(os.getpid(), tmp_path)
    assert state.read_running_stack(tmp_path) is None
    lock = StateLock.acquire(tmp_path)
    assert state.read_running_stack(tmp_path) is None
    state.write_run_file(tmp_path, written)
    assert mode(tmp_path / "run.json") == 0o600
    assert state.read_running_stack(tmp_path) == written
    lock.release()
    assert state.read_running_stack(tmp_path) is None


def test_a_run_file_of_another_version_is_refused(tmp_path: Path) -> None:
    lock = StateLock.acquire(tmp_path)
    (tmp_path / "run.json").write_text('{"pid": 1, "colour": "blue"}')
    with pytest.raises(RefusedStateError, match="another version"):
        state.read_running_stack(tmp_path)
    lock.release()


def test_passwords_are_random_private_kept_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    users = state.ensure_users(tmp_path / "one")
    assert {name: user.role for name, user in users.items()} == {
        "writer": "writer",
        "analyst": "analyst",
    }
    assert mode(tmp_path / "one" / "users.json") == 0o600
    assert state.ensure_users(tmp_path / "one") == users
    others = state.ensure_users(tmp_path / "two")
    passwords = {user.password for user in [*users.values(), *others.values()]}
    assert len(passwords) == 4
    assert min(len(password) for password in passwords) >= 32
    assert not any(password in repr(users) for password in passwords)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"writer": {"pass": "word"}}'])
def test_a_broken_users_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "users.json").write_text(text)
    with pytest.raises(RefusedStateError, match=r"users\.json"):
        state.ensure_users(tmp_path)


def test_the_state_folder_is_private(tmp_path: Path) -> None:
    state.prepare_folder(tmp_path / "a" / "b")
    assert mode(tmp_path / "a" / "b") == 0o700


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "FREE_BYTES_MIN", 10**18)
    with pytest.raises(UserError, match=r"Only \d+ MB are free"):
        state.prepare_folder(tmp_path)


def test_a_state_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be used"):
        state.prepare_folder(tmp_path / "file")


@pytest.mark.parametrize("interface", [LOOPBACK, "0.0.0.0"])
def test_a_port_in_use_is_refused(interface: str) -> None:
    with socket.socket() as server:
        server.bind((interface, 0))
        server.listen()
        port = server.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} for Kafka is in use"):
            choose_port(port, "Kafka")
    assert choose_port(port, "Kafka") == port


def test_ports_are_in_range_and_not_taken_twice() -> None:
    with pytest.raises(UserError, match="65536"):
        choose_port(65_536, "Kafka")
    with pytest.raises(UserError, match="Port 20000 for Kafka is in use"):
        choose_port(20_000, "Kafka", {20_000})
    with socket.socket() as server:
        server.bind((LOOPBACK, choose_port(None, "Kafka")))
