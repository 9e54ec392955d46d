"""The embedded endpoint as a real process."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.client import Client

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "lab"
STOP_S_MAX = 3.0


class Endpoint:
    """One endpoint on one directory, which may be stopped, killed and started again."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "clickhouse"
        self.users = directory / "users.json"
        self.passwords = {"writer": secrets.token_hex(8), "analyst": secrets.token_hex(8)}
        self.users.touch(mode=0o600)
        entries = {n: {"password": p, "role": n} for n, p in self.passwords.items()}
        self.users.write_text(json.dumps(entries))
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def command(self, **changes: str) -> list[str]:
        options = {"path": str(self.path), "port": str(self.port), "users": str(self.users)}
        options |= {"database": DATABASE, **changes}
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [sys.executable, "-m", "sinks.embedded", *flags]

    def start(self) -> dict[str, object]:
        self.process = subprocess.Popen(
            self.command(), cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.process.stdout is not None
        ready: dict[str, object] = json.loads(self.process.stdout.readline())
        self.port = int(str(ready["port"]))
        return ready

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self._ended()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(STOP_S_MAX)
        self.process.stdout.close()
        self.process = None
        return code

    def client(self, user: str = "writer", database: str = DATABASE, **options: object) -> Client:
        return clickhouse_connect.get_client(
            host="127.0.0.1",
            port=self.port,
            username=user,
            password=self.passwords[user],
            database=database,
            **options,  # type: ignore[arg-type]
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


def running(directory: Path) -> Iterator[Endpoint]:
    endpoint = Endpoint(directory)
    endpoint.start()
    yield endpoint
    if endpoint.process is not None:
        endpoint.kill()
