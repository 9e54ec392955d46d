"""The endpoint's directory: one process at a time, the engine's access files, its store.

Knows nothing of the engine, whose loading takes a second: what is wrong here is said at once.
"""

import fcntl
import shutil
from pathlib import Path
from typing import IO

from schemas.errors import RefusedStateError
from sinks.embedded.access import access_xml

FREE_BYTES_MIN = 64 * 1024 * 1024
# Relative to the directory.
CONFIG = "access/config.xml"
_USERS = "access/users.xml"


def _hold(path: Path) -> IO[str]:
    """Return the lock on a directory; raises RefusedStateError when another process has it."""
    lock = (path / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise RefusedStateError(
            f"another process holds {path}; stop it or give another --path"
        ) from error
    return lock


class Directory:
    """A directory made ready for the engine and held until `release`.

    `database` is the one its users may use. Raises RefusedStateError, which says what to do.
    """

    def __init__(self, path: Path, database: str) -> None:
        self.path = path.absolute()
        self.database = database
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_room()
            self._lock = _hold(self.path)
            self._write_access()
        except OSError as error:
            raise RefusedStateError(
                f"{self.path} cannot be written ({error.strerror}); mend its rights or give "
                "another --path"
            ) from error

    def _check_room(self) -> None:
        free_bytes = shutil.disk_usage(self.path).free
        if free_bytes < FREE_BYTES_MIN:
            raise RefusedStateError(
                f"the disk of {self.path} is full ({free_bytes // 2**20} MiB are free, "
                f"{FREE_BYTES_MIN // 2**20} are needed); make room or give another --path"
            )

    def _write_access(self) -> None:
        (self.path / "access").mkdir(mode=0o700, exist_ok=True)
        (self.path / _USERS).write_text(access_xml(self.database), encoding="utf-8")
        (self.path / CONFIG).write_text(
            f"<clickhouse><users_config>{_USERS}</users_config></clickhouse>\n", encoding="utf-8"
        )

    def release(self) -> None:
        """Let another process have the directory."""
        self._lock.close()
