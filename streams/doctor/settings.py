"""The settings: where they come from, and what they say of secrets."""

import os
from collections.abc import Iterator
from pathlib import Path

from streams.doctor._checkup import Checkup
from streams.doctor._finding import Finding, fine, warning
from streams.settings import CONFIG_VARIABLE, DEFAULT_CONFIG

PLACE = 10
READ_BY_OTHERS = 0o004


def look(checkup: Checkup) -> Iterator[Finding]:
    """Say which file they come from; they were loaded before anything was looked at."""
    file = Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))
    source = f"from {file} and the environment" if file.is_file() else "from the environment alone"
    yield fine(f"loaded {source}")
    keys = {"kafka.key_file": checkup.settings.kafka.key_file}
    for name, path in keys.items():
        if path is not None and path.stat().st_mode & READ_BY_OTHERS:
            yield warning(f"{name} {path} can be read by everyone here", f"chmod o-r {path}")
