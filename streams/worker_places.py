"""Where the worker processes of this machine tell their metrics: one file each, below the state."""

import json
import logging
import socket
from pathlib import Path
from typing import NamedTuple

import psutil

FOLDER = "workers"

log = logging.getLogger(__name__)


class WorkerPlace(NamedTuple):
    """A worker process and its metrics' address."""

    worker: str
    stage: str
    topic_prefix: str
    machine: str
    pid: int
    host: str
    port: int


def announce(state_dir: Path, place: WorkerPlace) -> Path:
    """Write down where a process tells its metrics, and forget those that have ended."""
    worker_places(state_dir)
    path = state_dir / FOLDER / f"{place.stage}-{place.pid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(place._asdict()), encoding="utf-8")
    unfinished.replace(path)
    return path


def worker_places(state_dir: Path) -> list[WorkerPlace]:
    """Return the processes of this machine that run; files of those that ended are removed."""
    found: list[WorkerPlace] = []
    for path in sorted((state_dir / FOLDER).glob("*.json")):
        try:
            place = WorkerPlace(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            continue
        except (ValueError, TypeError) as error:
            log.warning("%s cannot be read: %s", path, error)
            continue
        # The process ids of another machine, or container, say nothing here.
        if place.machine == socket.gethostname():
            if psutil.pid_exists(place.pid):
                found.append(place)
            else:
                path.unlink(missing_ok=True)
    return found
