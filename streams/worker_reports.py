"""What the worker processes of this machine say of themselves, asked where they tell Prometheus."""

import http.client
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from streams.worker_places import WorkerPlace, worker_places

ASK_TIMEOUT_S = 1.0
OLDEST_OPEN = "recalibra_oldest_open_prediction_timestamp_seconds"

log = logging.getLogger(__name__)


class LaneReport(NamedTuple):
    """A lane as its worker tells it: changelog offsets behind and to restore, whether it waits.

    `oldest_open_at_s` is in seconds since 1970, None when none is known.
    """

    restore_done: int
    restore_wanted: int
    is_open: bool
    waits: bool
    oldest_open_at_s: float | None

    @property
    def restoring(self) -> bool:
        """Whether the lane is being restored."""
        return not self.is_open and self.restore_done < self.restore_wanted


class WorkerReport(NamedTuple):
    """A worker process as it tells itself; `memory_bytes` None where the system does not say."""

    place: WorkerPlace
    memory_bytes: int | None
    lanes: dict[int, LaneReport]


def worker_reports(state_dirs: Iterable[Path], topic_prefix: str) -> list[WorkerReport]:
    """Ask every worker process of one lab on this machine; who does not answer is left out."""
    places = {p.worker: p for folder in state_dirs for p in worker_places(folder)}
    asked = [_report(p) for p in places.values() if p.topic_prefix == topic_prefix]
    return [report for report in asked if report is not None]


def _report(place: WorkerPlace) -> WorkerReport | None:
    try:
        text = _text(place)
    except (OSError, http.client.HTTPException) as error:
        log.info("%s does not tell how it does: %s", place.worker, error)
        return None
    values: dict[tuple[str, int | None], float] = {}
    worker = None
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            partition = sample.labels.get("partition")
            values[sample.name, None if partition is None else int(partition)] = sample.value
            if sample.name == "recalibra_worker_info":
                worker = sample.labels["worker"]
    if worker != place.worker:
        return None  # its port is someone else's now
    memory = values.get(("process_resident_memory_bytes", None))
    lanes = {
        partition: LaneReport(
            int(values.get(("recalibra_restore_done_offsets", partition), 0)),
            int(wanted),
            bool(values.get(("recalibra_lane_open", partition), True)),
            bool(values.get(("recalibra_lane_waiting", partition), False)),
            values.get((OLDEST_OPEN, partition)),
        )
        for (name, partition), wanted in values.items()
        if name == "recalibra_restore_wanted_offsets" and partition is not None
    }
    return WorkerReport(place, None if memory is None else int(memory), lanes)


def _text(place: WorkerPlace) -> str:
    # Directly: a proxy of the environment knows nothing of this machine's own addresses.
    connection = http.client.HTTPConnection(place.host, place.port, timeout=ASK_TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode("utf-8")
    finally:
        connection.close()
