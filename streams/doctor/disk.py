"""The disk of the state folder: writable, with the room that lanes ask for."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from streams.doctor._checkup import Checkup
from streams.doctor._finding import Finding, fine, warning, wrong

PLACE = 90
# So many times the least room are a warning.
AMPLE = 4


def look(checkup: Checkup) -> Iterator[Finding]:
    """Write a file, and ask how much room is left."""
    folder = checkup.settings.state_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
        free_mb = shutil.disk_usage(folder).free / 1e6
    except OSError as error:
        yield wrong(
            f"the state folder {folder} cannot be written ({error.strerror})",
            "mend its permissions, or set state_dir",
        )
        return
    yield _room(folder, free_mb, checkup.settings.streams.free_disk_min_mb)


def _room(folder: Path, free_mb: float, least_mb: float) -> Finding:
    text = f"{free_mb / 1_000:,.1f} GB are free at {folder}"
    if free_mb < least_mb:
        return wrong(
            f"{text}, less than streams.free_disk_min_mb ({least_mb:g} MB): stages would wait",
            "make room, or set state_dir to a larger disk",
        )
    if free_mb < AMPLE * least_mb:
        return warning(f"{text}; below {least_mb:g} MB stages wait", "make room")
    return fine(f"{text}, which can be written")
