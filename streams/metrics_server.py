"""The address at which a worker process tells Prometheus its metrics."""

import errno
import logging
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server

from schemas.errors import SettingsError
from streams.worker_name import WorkerName
from streams.worker_places import WorkerPlace, announce

log = logging.getLogger(__name__)

# So many processes of one machine find a port beside each other.
PORTS_TRIED = 64


def serve(registry: CollectorRegistry, host: str, port: int | None) -> int:
    """Serve a registry in a thread and return the port: the first from `port` on that is free.

    None or 0 means any. Raises SettingsError when the host is not this machine's.
    """
    tried = range(port, min(port + PORTS_TRIED, 65_536)) if port else range(0)
    for candidate in [*tried, 0]:
        try:
            server, _ = start_http_server(candidate, host, registry)
            return int(server.server_port)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise SettingsError(
                    f"metrics cannot be told at {host}: {error.strerror or error}; mend the "
                    "setting streams.metrics_host"
                ) from error
    raise SettingsError(f"no port of {host} is free for metrics; mend streams.metrics_port")


def tell_metrics(
    registry: CollectorRegistry,
    host: str,
    port: int | None,
    worker: WorkerName,
    prefix: str,
    state_dir: Path,
) -> Path:
    """Serve a process's metrics and announce where; return the file that says so."""
    found = serve(registry, host, port)
    log.info("metrics are at http://%s:%d/metrics", host, found)
    place = WorkerPlace(str(worker), worker.stage, prefix, worker.host, worker.pid, host, found)
    return announce(state_dir, place)
