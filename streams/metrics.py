"""What a worker process tells Prometheus.

What is counted is counted once per checkpoint; what stands is looked up when it is asked for.
"""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from schemas.topics import topic_name
from streams.lane_facts import LaneFacts
from streams.lane_log import Outgoing
from streams.worker_name import WorkerName

# A checkpoint is closed ten times a second; a commit that takes longer than 20 s ends its worker.
DURATION_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
LANE = ("stage", "partition")


class LaneState(NamedTuple):
    """A lane as it stands.

    `behind` is the lag of each input by its short name, as far as it is known; `is_open` is False
    while the lane is restored; `waits` says that a service or the disk is waited for.
    """

    partition: int
    facts: LaneFacts
    behind: dict[str, int]
    is_open: bool
    waits: bool


class StageMetrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(
        self, worker: WorkerName, prefix: str, lanes: Callable[[], Iterable[LaneState]]
    ) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._stage, self._prefix = worker.stage, prefix
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("recalibra_worker", "Which process this is.", registry=registry).info(
            {"stage": worker.stage, "worker": str(worker), "topic_prefix": prefix}
        )
        self._taken = Counter(
            "recalibra_records_taken", "Input records taken in and committed.", LANE,
            registry=registry,
        )  # fmt: skip
        self._sent = Counter(
            "recalibra_records_sent", "Output records committed; in the join the topic pairs "
            "counts pairs.", (*LANE, "topic"), registry=registry,
        )  # fmt: skip
        self._dead_letters = Counter(
            "recalibra_dead_letters", "Dead letters committed.", LANE, registry=registry
        )
        self._transactions = Counter(
            "recalibra_transactions", "Checkpoints, each one transaction.", LANE, registry=registry
        )
        self._seconds = Histogram(
            "recalibra_transaction_duration_seconds", "How long a transaction took to commit.",
            ("stage",), buckets=DURATION_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self._restored = Counter(
            "recalibra_restored_records", "Changelog records applied when a lane was taken over.",
            LANE, registry=registry,
        )  # fmt: skip
        registry.register(_Lanes(worker.stage, lanes))

    def committed(
        self, partition: int, outgoing: Sequence[Outgoing], taken: int, seconds: float
    ) -> None:
        """Count a checkpoint: its output, how many records it took in, how long it took."""
        lane = (self._stage, str(partition))
        self._transactions.labels(*lane).inc()
        self._seconds.labels(self._stage).observe(seconds)
        self._taken.labels(*lane).inc(taken)
        start = len(topic_name(self._prefix, ""))
        for topic, count in Tally(map(itemgetter(0), outgoing)).items():
            self._sent.labels(*lane, topic[start:]).inc(count)
            if topic[start:] == "dead-letters":
                self._dead_letters.labels(*lane).inc(count)

    def restored(self, partition: int, applied: int) -> None:
        """Count the records of a restore."""
        self._restored.labels(self._stage, str(partition)).inc(applied)


class _Lanes(Collector):
    """Says how the lanes stand that this process has at the moment."""

    def __init__(self, stage: str, lanes: Callable[[], Iterable[LaneState]]) -> None:
        self._stage, self._lanes = stage, lanes

    def describe(self) -> list[Metric]:
        """Say nothing beforehand: names do not clash, and the lanes are not there yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of all lanes."""
        lanes = list(self._lanes())
        owned = GaugeMetricFamily(
            "recalibra_lanes_owned", "Lanes that this process works on.", labels=["stage"]
        )
        owned.add_metric([self._stage], sum(lane.is_open for lane in lanes))
        yield owned
        lag = GaugeMetricFamily(
            "recalibra_lag_records", "Records of an input that are not taken in yet.",
            labels=[*LANE, "topic"],
        )  # fmt: skip
        for lane in lanes:
            for topic, records in lane.behind.items():
                lag.add_metric([self._stage, str(lane.partition), topic], records)
        yield lag
        for name, text, of_lane in _GAUGES:
            family = GaugeMetricFamily(name, text, labels=LANE)
            for lane in lanes:
                if (value := of_lane(lane)) is not None:
                    family.add_metric([self._stage, str(lane.partition)], value)
            yield family


def _open_count(lane: LaneState) -> float | None:
    found = lane.facts.open_predictions
    return None if found is None else found.number


def _oldest_open_s(lane: LaneState) -> float | None:
    found = lane.facts.open_predictions
    return None if found is None or found.oldest_at is None else found.oldest_at / 1e6


_GAUGES: tuple[tuple[str, str, Callable[[LaneState], float | None]], ...] = (
    (
        "recalibra_last_checkpoint_timestamp_seconds",
        "When the last checkpoint was committed, since 1970.",
        lambda lane: lane.facts.checkpoint_at_s,
    ),
    (
        "recalibra_lane_open",
        "1 when the lane is worked on, 0 while it is taken over.",
        lambda lane: float(lane.is_open),
    ),
    (
        "recalibra_lane_waiting",
        "1 while the lane waits for a service or its disk, else 0.",
        lambda lane: float(lane.waits),
    ),
    (
        "recalibra_open_predictions",
        "Predictions that are neither labelled nor expired.",
        _open_count,
    ),
    (
        "recalibra_oldest_open_prediction_timestamp_seconds",
        "When the open prediction was made whose retention ends first, since 1970.",
        _oldest_open_s,
    ),
    (
        "recalibra_restore_done_offsets",
        "Changelog offsets that the last restore has behind it.",
        lambda lane: float(lane.facts.restore_done),
    ),
    (
        "recalibra_restore_wanted_offsets",
        "Changelog offsets that the last restore had to go through.",
        lambda lane: float(lane.facts.restore_all),
    ),
)
