"""What the stage tells Prometheus."""

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Info, ProcessCollector

from streams.worker_name import WorkerName


class Counts:
    """The metrics of one process, in a registry of their own; by address."""

    def __init__(self, worker: WorkerName, prefix: str) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("recalibra_worker", "Which process this is.", registry=registry).info(
            {"stage": worker.stage, "worker": str(worker), "topic_prefix": prefix}
        )
        by = ("address",)
        self._told = Counter("recalibra_notices_told", "Notices delivered.", by, registry=registry)
        self._failed = Counter(
            "recalibra_notice_failures", "Deliveries that are tried again.", by, registry=registry
        )
        self._given_up = Counter(
            "recalibra_notices_given_up", "Notices that became dead letters.", by, registry=registry
        )
        self._waiting = Gauge(
            "recalibra_notices_waiting", "Notices that are still to be told.", by, registry=registry
        )

    def told(self, address: str) -> None:
        """Count a delivery."""
        self._told.labels(address).inc()

    def failed(self, address: str) -> None:
        """Count a delivery that is tried again."""
        self._failed.labels(address).inc()

    def given_up(self, address: str) -> None:
        """Count a notice that is given up."""
        self._given_up.labels(address).inc()

    def waiting(self, address: str, number: int) -> None:
        """Say how many are still to be told."""
        self._waiting.labels(address).set(number)
