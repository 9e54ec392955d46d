"""The embedded ClickHouse endpoint in one folder, as a child process."""

import http.client
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import OursError
from streams.local.child import Child, Progress
from streams.local.ports import LOOPBACK

MODULE = "sinks.embedded"
READY_TIMEOUT_S = 60.0
PING_TIMEOUT_S = 2.0


class ClickHouseEndpoint:
    """ClickHouse's HTTP interface on loopback, with its data in `folder`.

    `users_file` is the JSON file of users and passwords; `keep_open` are file descriptors that the
    process holds while it runs.
    """

    def __init__(
        self,
        folder: Path,
        users_file: Path,
        database: str,
        log_path: Path,
        progress: Progress,
        *,
        port: int,
        keep_open: Sequence[int] = (),
    ) -> None:
        self.host = LOOPBACK
        self.port = port
        self.database = database
        self._folder = folder.resolve()
        self._users_file = users_file.resolve()
        self._log_path = log_path.resolve()
        self._progress = progress
        self._keep_open = keep_open

    def start(self) -> Child:
        """Start the process; not ready yet."""
        command = [sys.executable, "-m", MODULE, "--path", str(self._folder)]
        command += ["--port", str(self.port), "--users", str(self._users_file)]
        child = Child(
            "ClickHouse",
            [*command, "--database", self.database],
            self._log_path,
            environment={"PYTHONPATH": _python_path()},
            keep_open=self._keep_open,
        )
        self._progress("Starting ClickHouse")
        child.start()
        return child

    def is_ready(self) -> bool:
        """Tell whether the endpoint answers `GET /ping`."""
        # http.client and no higher library: a proxy must not be asked for loopback.
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PING_TIMEOUT_S)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _python_path() -> str:
    """Return a PYTHONPATH with which the child finds the same `sinks` as this process."""
    package = importlib.util.find_spec(MODULE.partition(".")[0])
    if package is None or not package.submodule_search_locations:
        raise OursError(f"The module {MODULE} is not installed.")
    root = str(Path(next(iter(package.submodule_search_locations))).resolve().parent)
    inherited = os.environ.get("PYTHONPATH")
    return f"{root}{os.pathsep}{inherited}" if inherited else root
