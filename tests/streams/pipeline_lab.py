"""A lab of its own on the shared broker: settings, topics, tables, stages, and what came out."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from connectors.publisher import Publisher
from schemas.codec import Codec
from schemas.events import (
    Alert,
    AssayContext,
    DeadLetter,
    Event,
    Metric,
    Outcome,
    Pair,
    Prediction,
)
from schemas.table import SchemaTable
from schemas.topics import TOPICS, topic_name
from streams.addresses import as_environment, with_stack
from streams.clickhouse_access import asking, ensure_tables
from streams.kafka_access import client_settings, ensure_topics
from streams.local.stack import LocalStack
from streams.settings import Settings
from streams.settings.lab import CoreSettings
from streams.settings.processes import StreamSettings
from streams.settings.services import KafkaSettings
from streams.supervisor import Supervisor
from streams.topic_reader import TopicReader

DEADLINE_S = 60.0
CODEC = Codec(SchemaTable())
E = TypeVar("E", Pair, Metric, Alert, DeadLetter, Prediction, Outcome)


class PipelineLab:
    """One topic prefix of its own.

    `clickhouse` is a stack of its own for what is stored; `core` is what the lab chooses about
    join and monitor. `kafka` says how another broker than the stack's is reached, and the prefix.
    """

    def __init__(
        self,
        stack: LocalStack,
        folder: Path,
        clickhouse: LocalStack | None = None,
        core: CoreSettings | None = None,
        partitions: int = 4,
        kafka: KafkaSettings | None = None,
    ) -> None:
        name = kafka.topic_prefix if kafka else f"t{uuid.uuid4().hex[:10]}"
        settings = Settings(
            state_dir=folder,
            kafka=(kafka or KafkaSettings()).model_copy(
                update={"topic_prefix": name, "partitions": partitions}
            ),
            streams=StreamSettings(session_timeout_s=6.0),
            core=core or CoreSettings(),
        )
        if clickhouse is not None:
            stored = with_stack(settings, clickhouse.addresses).clickhouse
            settings = settings.model_copy(update={"clickhouse": stored})
        self.settings = with_stack(settings, stack.addresses)
        self.said: list[str] = []
        # Made once: looking for the brokers takes longer than what is then asked of them.
        self._topics = TopicReader(self.settings.kafka)
        self._admin = AdminClient(client_settings(self.settings.kafka))
        ensure_topics(self.settings.kafka)

    @property
    def prefix(self) -> str:
        return self.settings.kafka.topic_prefix

    @contextmanager
    def stages(self, *names: str, processes: int = 1) -> Iterator[Supervisor]:
        """Run stages for the length of the block."""
        if "sink" in names:
            ensure_tables(self.settings.clickhouse)
        environment = as_environment(self.settings)
        logs = self.settings.state_dir / "logs"
        supervisor = Supervisor(names, processes, environment, logs, self.said.append)
        supervisor.start()
        try:
            yield supervisor
        finally:
            supervisor.stop()

    def publish(self, events: Iterable[Prediction | Outcome]) -> None:
        kafka = self.settings.kafka
        client = client_settings(kafka)
        publisher = Publisher(str(kafka.bootstrap_servers), self.prefix, CODEC, client)
        for event in events:
            publisher.publish(event)
        publisher.flush()

    def committed(self, short: str) -> list[tuple[int, int, bytes | None, bytes]]:
        """Every committed record of a topic: partition, offset, key, value."""
        records = self._topics.records(topic_name(self.prefix, short))
        return [(m.partition(), m.offset(), m.key(), m.value() or b"") for m in records]

    def end(self, *shorts: str) -> int:
        """The sum of topics' last stable offsets: at least their records, plus markers."""
        asked = {
            TopicPartition(topic_name(self.prefix, short), partition): OffsetSpec.latest()
            for short in shorts
            for partition in range(self.settings.kafka.partitions)
        }
        committed = IsolationLevel.READ_COMMITTED
        told = self._admin.list_offsets(asked, isolation_level=committed, request_timeout=10)
        return sum(found.result().offset for found in told.values())

    def events(self, short: str, expected: type[E]) -> list[E]:
        """Every committed event of a topic."""
        assert TOPICS[short] is expected
        return [CODEC.decode(value, expected) for _, _, _, value in self.committed(short)]

    def live_pairs(self) -> dict[str, Pair]:
        """The newest row of every pair that stands."""
        newest: dict[str, Pair] = {}
        for pair in self.events("pairs", Pair):
            if pair.pair_id not in newest or pair.row_version > newest[pair.pair_id].row_version:
                newest[pair.pair_id] = pair
        return {i: pair for i, pair in newest.items() if pair.status != "retracted"}

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask ClickHouse."""
        with asking(self.settings.clickhouse) as client:
            return [tuple(row) for row in client.query(sql).result_rows]


def prediction(molecule: str, **changes: object) -> Prediction:
    """A prediction of its own for a molecule."""
    event = Prediction(uuid.uuid4().hex, 0, False, molecule, "a", AssayContext(), "net", "1", 1.5)
    return event._replace(**changes)  # type: ignore[arg-type]


def outcome(molecule: str) -> Outcome:
    """An outcome of its own for a molecule."""
    return Outcome(uuid.uuid4().hex, 0, False, molecule, "a", AssayContext("L1"), 1.0)


def await_that(holds: Callable[[], bool], supervisor: Supervisor | None = None) -> None:
    """Return as soon as `holds` is true; fail after a minute."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        if supervisor is not None:
            supervisor.check()
        time.sleep(0.1)


def newest_metrics(metrics: Iterable[Event], window: str) -> dict[tuple[Any, ...], float | None]:
    """The newest value of every series and metric in a window."""
    newest: dict[tuple[Any, ...], Metric] = {}
    for metric in metrics:
        if isinstance(metric, Metric) and metric.window == window:
            series = (metric.model_id, metric.model_version, metric.assay_id)
            key = (*series, metric.segment_field, metric.segment_value, metric.metric)
            if key not in newest or metric.row_version >= newest[key].row_version:
                newest[key] = metric
    return {key: metric.value for key, metric in newest.items()}
