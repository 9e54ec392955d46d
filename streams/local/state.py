"""The state folder: who holds it, where the running stack listens, and its passwords."""

import fcntl
import json
import logging
import os
import secrets
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import psutil

from schemas.errors import RefusedStateError, UserError

LOCK_NAME = "stack.lock"
RUN_NAME = "run.json"
USERS_NAME = "users.json"
FREE_BYTES_MIN = 500_000_000
# Longer than a launcher takes to end what a killed stack left behind.
LEFTOVER_TIMEOUT_S = 10.0
LOCK_POLL_INTERVAL_S = 0.05
PASSWORD_BYTES = 24
ROLES = ("writer", "analyst")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StackAddresses:
    """Where a running stack listens.

    `pid` is the process that holds the stack. An empty `bootstrap_servers` or a `clickhouse_port`
    of 0 says that it runs without Kafka or ClickHouse. `users_file` is read by `read_users`.
    """

    pid: int
    bootstrap_servers: str
    clickhouse_host: str
    clickhouse_port: int
    clickhouse_database: str
    users_file: str


@dataclass(frozen=True)
class ClickHouseUser:
    """One user of the local ClickHouse; `role` is `writer` or `analyst`."""

    password: str = field(repr=False)
    role: str


class StateLock:
    """The right to run a stack in a folder, held by a lock on one of its files.

    The stack's children inherit the lock: when the stack is killed, the folder stays locked
    until the last of them has ended.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def acquire(cls, folder: Path) -> Self:
        """Lock the folder, waiting up to 10 s for what a killed stack left behind.

        Raises UserError, which names the other process, when a stack is running there.
        """
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _wait_for_lock(descriptor, folder)
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give the folder back; its children must have ended."""
        os.ftruncate(self.descriptor, 0)
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        os.close(self.descriptor)


def prepare_folder(folder: Path) -> None:
    """Create the state folder for this user alone.

    Raises UserError when it cannot be written or its disk has less than 500 MB free.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        raise UserError(
            f"The state folder {folder} cannot be used ({error.strerror}): choose another."
        ) from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"The state folder {folder} cannot be written: choose another.")
    if free_bytes < FREE_BYTES_MIN:
        raise UserError(
            f"Only {free_bytes // 1_000_000} MB are free on the disk of {folder}: free"
            f" {FREE_BYTES_MIN // 1_000_000} MB, or choose a state folder on another disk."
        )


def read_running_stack(state_dir: Path) -> StackAddresses | None:
    """Return where the stack of this state folder listens; None when none is running."""
    try:
        text = (state_dir / RUN_NAME).read_text(encoding="utf-8")
        descriptor = os.open(state_dir / LOCK_NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)
    addresses = _parse_addresses(text, state_dir / RUN_NAME)
    # Children that a killed stack left behind hold the lock until they have ended.
    return addresses if holder == addresses.pid and psutil.pid_exists(holder) else None


def write_run_file(state_dir: Path, addresses: StackAddresses) -> None:
    """Record where the stack listens, for this user alone."""
    _write_private(state_dir / RUN_NAME, json.dumps(asdict(addresses), indent=2))


def remove_run_file(state_dir: Path) -> None:
    """Forget where a stack listened; nothing happens when nothing is recorded."""
    (state_dir / RUN_NAME).unlink(missing_ok=True)


def ensure_users(state_dir: Path) -> dict[str, ClickHouseUser]:
    """Return the users of the local ClickHouse, one for each role.

    The first call makes them with random passwords, in a file for this user alone. Raises
    RefusedStateError when that file holds something else.
    """
    path = state_dir / USERS_NAME
    if not path.exists():
        made = {
            role: {"password": secrets.token_urlsafe(PASSWORD_BYTES), "role": role}
            for role in ROLES
        }
        _write_private(path, json.dumps(made, indent=2))
    return read_users(path)


def read_users(path: Path) -> dict[str, ClickHouseUser]:
    """Return the users in a users file by name.

    Raises RefusedStateError when the file is not one.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        users = {name: ClickHouseUser(**user) for name, user in stored.items()}
        return {role: users[role] for role in ROLES} | users
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise RefusedStateError(
            f"{path} is not a file of users and passwords: move it away to have new ones made."
        ) from error


def _wait_for_lock(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + LEFTOVER_TIMEOUT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = _holder(descriptor)
        if holder is not None and psutil.pid_exists(holder):
            raise UserError(
                f"Recalibra is already running in {folder} (process {holder}): stop that one"
                " first, or choose another state folder."
            )
        if time.monotonic() > deadline:
            raise UserError(
                f"Processes that an earlier run (process {holder}) left behind still use {folder}:"
                " end them, or choose another state folder."
            )
        time.sleep(LOCK_POLL_INTERVAL_S)


def _holder(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace")
    return int(text) if text.isdecimal() else None


def _parse_addresses(text: str, path: Path) -> StackAddresses:
    try:
        return StackAddresses(**json.loads(text))
    except (ValueError, TypeError) as error:
        _log.error("%s cannot be read: %s", path, error)
        raise RefusedStateError(
            f"{path} was written by another version of Recalibra: stop the running stack first."
        ) from error


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
