"""An INSERT's data on its way into the engine: a file that is whole before the engine sees it.

chDB's streaming insert is not used: it reports success when the last block cannot be written (disk
full, a violated constraint, too many parts), and it has taken half of what a client sent when that
client dies. Data within a statement is not used either: chDB cuts it at semicolons and line ends.
"""

import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sinks.embedded.errors import NOT_ENOUGH_SPACE, QueryRefusedError

SPOOL = Path("spool")


def clear() -> None:
    """Make the spool an empty directory, below the process's working directory."""
    shutil.rmtree(SPOOL, ignore_errors=True)
    SPOOL.mkdir(mode=0o700)


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("xb", buffering=0) as file:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                try:
                    rest = rest[file.write(rest) :]
                except OSError as error:
                    raise QueryRefusedError(
                        NOT_ENOUGH_SPACE,
                        "NOT_ENOUGH_SPACE",
                        f"The data cannot be written to disk: {error.strerror}.",
                    ) from error


@contextmanager
def spooled(pieces: Iterable[bytes]) -> Iterator[Path]:
    """Give the path of a file that holds `pieces`, for as long as the context lasts.

    Raises QueryRefusedError when the disk is full, and what `pieces` raises.
    """
    path = SPOOL / uuid.uuid4().hex
    try:
        _write(path, pieces)
        yield path
    finally:
        path.unlink(missing_ok=True)
