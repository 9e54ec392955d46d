"""The local stack: Kafka and ClickHouse under one state folder, as one context manager."""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from schemas.errors import OursError, UserError
from streams.local import clickhouse as clickhouse_service
from streams.local import kafka as kafka_service
from streams.local.child import Child, Progress
from streams.local.clickhouse import ClickHouseEndpoint
from streams.local.kafka import KafkaBroker
from streams.local.ports import LOOPBACK, choose_port
from streams.local.state import (
    USERS_NAME,
    ClickHouseUser,
    StackAddresses,
    StateLock,
    ensure_users,
    prepare_folder,
    remove_run_file,
    write_run_file,
)

STOP_TIMEOUT_S = 2.0
MONITOR_INTERVAL_S = 0.5
DEFAULT_DATABASE = "recalibra"

_log = logging.getLogger(__name__)


class LocalStack:
    """Kafka and the embedded ClickHouse, running between `start` and `stop`, or in a `with`.

    `cache_dir` holds Kafka's jars and may be shared by many stacks; None means `cache` below
    `state_dir`. A port of None is chosen free at each start. `maven_repository` None means Maven
    Central. `kafka=False` or `clickhouse=False` leaves that service out. `progress` is given one
    line per step, on the calling thread; None sends them to the log.
    """

    def __init__(
        self,
        state_dir: Path,
        cache_dir: Path | None = None,
        *,
        kafka: bool = True,
        clickhouse: bool = True,
        kafka_port: int | None = None,
        clickhouse_port: int | None = None,
        clickhouse_database: str = DEFAULT_DATABASE,
        maven_repository: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._state_dir = state_dir.resolve()
        self._cache_dir = cache_dir or self._state_dir / "cache"
        self._with_kafka = kafka
        self._with_clickhouse = clickhouse
        self._kafka_port = kafka_port
        self._clickhouse_port = clickhouse_port
        self._database = clickhouse_database
        self._maven_repository = maven_repository
        self._progress: Progress = progress or _log.info
        self._children: list[Child] = []
        self._lock: StateLock | None = None
        self._addresses: StackAddresses | None = None
        self._users: dict[str, ClickHouseUser] = {}

    @property
    def addresses(self) -> StackAddresses:
        """Where the stack listens.

        Raises OursError while it does not run.
        """
        if self._addresses is None:
            raise OursError("The local stack is not running.")
        return self._addresses

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address, `host:port`; empty when the stack runs without Kafka."""
        return self.addresses.bootstrap_servers

    @property
    def clickhouse_host(self) -> str:
        """Host of ClickHouse's HTTP interface."""
        return self.addresses.clickhouse_host

    @property
    def clickhouse_port(self) -> int:
        """Port of ClickHouse's HTTP interface; 0 when the stack runs without ClickHouse."""
        return self.addresses.clickhouse_port

    @property
    def clickhouse_database(self) -> str:
        """Name of the database that ClickHouse was started with."""
        return self.addresses.clickhouse_database

    @property
    def clickhouse_users(self) -> dict[str, ClickHouseUser]:
        """The users `writer` and `analyst` with their passwords; empty before the first start."""
        return self._users

    @property
    def process_ids(self) -> dict[str, int]:
        """Process id of each child's launcher by the child's name, `Kafka` and `ClickHouse`."""
        return {child.name: child.pid for child in self._children}

    def start(self) -> None:
        """Start both services side by side and return when both are ready.

        Raises UserError (folder in use or unwritable, port in use, disk full, no network at the
        first start) or OursError (a service died or was not ready in time); nothing is left
        running then.
        """
        if self._lock is not None:
            raise OursError("The local stack is already running.")
        prepare_folder(self._state_dir)
        self._lock = StateLock.acquire(self._state_dir)
        try:
            self._start_services(self._lock)
        except OSError as error:
            self.stop()
            _log.exception("the local stack could not be started")
            raise UserError(
                f"The state folder {self._state_dir} cannot be used ({error}): free space on its"
                " disk, mend its permissions, or choose another."
            ) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all children at once, within 5 s, and free the state folder; safe to call twice."""
        self._addresses = None
        children, self._children = self._children, []
        for child in children:
            child.request_stop()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        # An ExitStack goes on to the next child and the lock when Ctrl-C comes once more.
        with ExitStack() as endings:
            if self._lock is not None:
                endings.callback(self._lock.release)
                self._lock = None
                remove_run_file(self._state_dir)
            for child in children:
                endings.callback(_finish, child, deadline)

    def check(self) -> None:
        """Do nothing while all children run.

        Raises OursError, which names the child and quotes the end of its log, when one died.
        """
        for child in self._children:
            child.check()

    def monitor(self, stopped: threading.Event) -> None:
        """Watch the children until `stopped` is set.

        Raises OursError as `check` does as soon as one dies.
        """
        while not stopped.wait(MONITOR_INTERVAL_S):
            self.check()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_services(self, lock: StateLock) -> None:
        remove_run_file(self._state_dir)
        self._users = ensure_users(self._state_dir)
        kafka_port, controller_port, clickhouse_port = self._choose_ports()
        kafka = self._make_kafka(lock, kafka_port, controller_port) if self._with_kafka else None
        clickhouse = self._make_clickhouse(lock, clickhouse_port) if self._with_clickhouse else None
        # ClickHouse first: it comes up while Kafka's files are fetched or verified.
        if clickhouse is not None:
            self._children.append(clickhouse.start())
        if kafka is not None:
            self._children.append(kafka.start())
            timeout_s = kafka_service.READY_TIMEOUT_S
            self._wait_ready(self._children[-1], kafka.is_ready, timeout_s)
        if clickhouse is not None:
            timeout_s = clickhouse_service.READY_TIMEOUT_S
            self._wait_ready(self._children[0], clickhouse.is_ready, timeout_s)
        self._addresses = StackAddresses(
            pid=os.getpid(),
            bootstrap_servers=kafka.bootstrap_servers if kafka else "",
            clickhouse_host=LOOPBACK,
            clickhouse_port=clickhouse.port if clickhouse else 0,
            clickhouse_database=self._database,
            users_file=str(self._state_dir / USERS_NAME),
        )
        write_run_file(self._state_dir, self._addresses)

    def _wait_ready(self, child: Child, is_ready: Callable[[], bool], timeout_s: float) -> None:
        def ready_and_all_alive() -> bool:
            self.check()
            return is_ready()

        child.wait_ready(ready_and_all_alive, timeout_s)
        self._progress(f"{child.name} is ready")

    def _choose_ports(self) -> tuple[int, int, int]:
        """Return the ports of Kafka, of its controller and of ClickHouse, all different."""
        wanted = {self._clickhouse_port} - {None}
        kafka = choose_port(self._kafka_port, "Kafka", wanted)
        controller = choose_port(None, "Kafka's controller", {kafka, *wanted})
        clickhouse = choose_port(self._clickhouse_port, "ClickHouse", {kafka, controller})
        return kafka, controller, clickhouse

    def _make_kafka(self, lock: StateLock, port: int, controller_port: int) -> KafkaBroker:
        return KafkaBroker(
            self._state_dir / "kafka",
            self._cache_dir,
            self._state_dir / "logs" / "kafka.log",
            self._progress,
            port=port,
            controller_port=controller_port,
            repository=self._maven_repository,
            keep_open=(lock.descriptor,),
        )

    def _make_clickhouse(self, lock: StateLock, port: int) -> ClickHouseEndpoint:
        return ClickHouseEndpoint(
            self._state_dir / "clickhouse",
            self._state_dir / USERS_NAME,
            self._database,
            self._state_dir / "logs" / "clickhouse.log",
            self._progress,
            port=port,
            keep_open=(lock.descriptor,),
        )


def _finish(child: Child, deadline: float) -> None:
    child.stop(max(0.0, deadline - time.monotonic()))
