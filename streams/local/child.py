"""A named child process: own session, a log file, a deadline to be ready, a bounded stop."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from schemas.errors import OursError, UnavailableError

Progress = Callable[[str], None]

LAUNCHER = Path(__file__).with_name("launcher.py")
POLL_INTERVAL_S = 0.05
LOG_END_LINES = 12
LOG_END_BYTES = 16_384
LOG_BYTES_MAX = 10_000_000

_log = logging.getLogger(__name__)


class Child:
    """A process that never outlives this one, and that Ctrl-C in the terminal does not reach.

    `environment` is added to this process's own; `working_folder` None keeps the current one;
    `keep_open` are file descriptors that the child holds for as long as it lives. Output is
    appended to `log_path`; a log over 10 MB is kept once as `.1` at the next start.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_path: Path,
        *,
        environment: Mapping[str, str] | None = None,
        working_folder: Path | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._command = list(command)
        self._environment = dict(environment or {})
        self._working_folder = working_folder
        self._keep_open = tuple(keep_open)
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the launcher, which is also the id of the child's group and session."""
        return self._started().pid

    def start(self) -> None:
        """Start the process; whether it can run at all shows in `poll` or `wait_ready`."""
        self._rotate_log()
        # By path and isolated (-I, -S): the launcher runs whatever the folder and environment.
        launch = [sys.executable, "-I", "-S", str(LAUNCHER), "--", *self._command]
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                launch,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._working_folder,
                env={**os.environ, **self._environment},
                start_new_session=True,
                pass_fds=self._keep_open,
            )
        _log.info("%s started as process %d, log %s", self.name, self.pid, self.log_path)

    def poll(self) -> int | None:
        """Return the exit code (128 + n after signal n), or None while the process runs."""
        code = self._started().poll()
        return 128 - code if code is not None and code < 0 else code

    def check(self) -> None:
        """Do nothing while the process runs.

        Raises OursError, which names the process and quotes the end of its log, when it died.
        """
        code = self.poll()
        if code is not None:
            raise OursError(f"{self.name} ended unexpectedly with code {code}. {self._quote()}")

    def wait_ready(self, predicate: Callable[[], bool], timeout_s: float) -> None:
        """Return as soon as `predicate` is true.

        Raises OursError at once when the process dies, UnavailableError after `timeout_s`; both
        quote the end of its log.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self.check()
            if predicate():
                return
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"{self.name} was not ready within {timeout_s:g} s. {self._quote()}"
                )
            time.sleep(POLL_INTERVAL_S)

    def run(self, timeout_s: float) -> None:
        """Start the process and return when it has ended with code 0.

        Raises OursError when it ends with another code, UnavailableError after `timeout_s`; both
        quote the end of its log, and nothing of it is left running.
        """
        self.start()
        try:
            code = self._started().wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(
                f"{self.name} did not end within {timeout_s:g} s. {self._quote()}"
            ) from error
        finally:
            self.stop(0.0)
        if code != 0:
            raise OursError(f"{self.name} failed with code {self.poll()}. {self._quote()}")

    def request_stop(self) -> None:
        """Send SIGTERM and return at once; nothing happens when the process has ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self, grace_s: float) -> None:
        """End the process and all it started: SIGTERM, after `grace_s` seconds SIGKILL."""
        if self._process is None:
            return
        self.request_stop()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            _log.warning("%s did not stop within %g s and is killed", self.name, grace_s)
        finally:
            # Also when the launcher is gone: the group may still hold what the command started.
            _kill_group(self._process.pid)
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()

    def log_end(self) -> str:
        """Return the last lines that this run wrote to the log, without trailing blanks."""
        with self.log_path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - LOG_END_BYTES))
            text = log.read().decode("utf-8", "replace")
        return "\n".join(text.rstrip().splitlines()[-LOG_END_LINES:])

    def _quote(self) -> str:
        end = self.log_end()
        return f"Its log {self.log_path} ends with:\n{end}" if end else "Its log is empty."

    def _rotate_log(self) -> None:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES_MAX:
            self.log_path.replace(self.log_path.with_name(f"{self.log_path.name}.1"))

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise OursError(f"{self.name} has not been started.")
        return self._process


def _kill_group(group_id: int) -> None:
    try:
        os.killpg(group_id, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Nobody is left; macOS says PermissionError when only a zombie is.
        _log.debug("process group %d has ended", group_id)
