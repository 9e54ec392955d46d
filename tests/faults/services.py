"""The broker and ClickHouse of a run, and how each of them goes away and comes back."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from streams.local.ports import choose_port
from streams.local.stack import LocalStack

AWAY_S = 15.0
KILL_WAIT_S = 10.0


class Services:
    """One real broker and one real ClickHouse, on ports that stay the same over their restarts."""

    def __init__(self, folder: Path, cache: Path) -> None:
        kafka_port = choose_port(None, "Kafka")
        clickhouse_port = choose_port(None, "ClickHouse", {kafka_port})
        self.broker = LocalStack(folder / "broker", cache, clickhouse=False, kafka_port=kafka_port)
        self.clickhouse = LocalStack(
            folder / "clickhouse", cache, kafka=False, clickhouse_port=clickhouse_port
        )

    @contextmanager
    def running(self) -> Iterator["Services"]:
        """Run both for the length of the block."""
        with self.broker, self.clickhouse:
            yield self

    def restart_broker(self, kill: bool) -> float:
        """Stop the broker, or kill it with -9, and start it again; return the seconds away."""
        began = time.monotonic()
        if kill:
            _kill_family(self.broker.process_ids["Kafka"])
        self.broker.stop()
        self.broker.start()
        return time.monotonic() - began

    def take_clickhouse_away(self, freeze: bool) -> float:
        """Stop ClickHouse, or freeze its process, for 15 s; return the seconds away."""
        began = time.monotonic()
        if freeze:
            frozen = psutil.Process(self.clickhouse.process_ids["ClickHouse"])
            family = frozen.children(recursive=True)
            for process in family:
                process.suspend()
            time.sleep(AWAY_S)
            for process in family:
                process.resume()
        else:
            self.clickhouse.stop()
            time.sleep(AWAY_S)
            self.clickhouse.start()
        return time.monotonic() - began


class Absence:
    """A service that is away while the rest goes on; `seconds` is None until it is back."""

    def __init__(self, leave: Callable[[], float]) -> None:
        self.seconds: float | None = None
        self._error: BaseException | None = None

        def run() -> None:
            try:
                self.seconds = leave()
            except BaseException as error:  # told to whoever waits
                self._error = error

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether the service is back; raises what its start raised."""
        if self._error is not None:
            raise self._error
        return self.seconds is not None

    def wait(self) -> None:
        """Wait until the service is back or could not come back."""
        self._thread.join()


def _kill_family(pid: int) -> None:
    """End a launcher and what it runs with -9."""
    launcher = psutil.Process(pid)
    family = [*launcher.children(recursive=True), launcher]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=KILL_WAIT_S)
