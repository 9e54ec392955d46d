"""What a run has left in Kafka and in ClickHouse, and whether the stages are done with it."""

import json
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import pandas as pd
from confluent_kafka import Consumer, IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from fault_input import CODEC

from processors.topology import TOPOLOGY
from schemas.events import Event
from schemas.topics import TOPICS, topic_name
from streams.clickhouse_access import asking
from streams.kafka_access import changelog_name, stage_names
from streams.settings import Settings

READ_TIMEOUT_S = 30.0
ASK_TIMEOUT_S = 10.0
BATCH_RECORDS = 10_000
# Transaction markers may stand behind the last record of a partition.
MARKERS_MAX = 10

E = TypeVar("E", bound=Event)
INPUTS = {stage.name: stage.inputs for stage in TOPOLOGY} | {"sink": tuple(TOPICS)}


class Kept(NamedTuple):
    """A record of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Observer:
    """Looks at one lab from outside."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._prefix = settings.kafka.topic_prefix
        self._client = {
            "bootstrap.servers": str(settings.kafka.bootstrap_servers),
            "log_level": 0,
            "reconnect.backoff.max.ms": 500,
        }
        self._admin = AdminClient(self._client)
        # Never subscribed: they only ask.
        groups = [f"{self._prefix}-{stage}" for stage in INPUTS]
        self._askers = {group: Consumer(self._client | {"group.id": group}) for group in groups}
        self._topics = [topic_name(self._prefix, short) for short in TOPICS]
        self._topics += [changelog_name(self._prefix, stage) for stage in stage_names()]

    def _consumer(self, isolation: str) -> Consumer:
        return Consumer(
            self._client
            | {
                "group.id": uuid.uuid4().hex,
                "isolation.level": isolation,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
            }
        )

    def records(self, topic: str, committed: bool = True) -> list[Kept]:
        """Return the records of a topic; with those of aborted transactions if not `committed`."""
        consumer = self._consumer("read_committed" if committed else "read_uncommitted")
        partitions = range(self._settings.kafka.partitions)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        found: list[Kept] = []
        at_end: set[int] = set()
        deadline = time.monotonic() + READ_TIMEOUT_S
        try:
            while len(at_end) < len(partitions):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the end of {topic} was not reached")
                for message in consumer.consume(BATCH_RECORDS, 0.1):
                    if message.error():
                        at_end.add(message.partition())
                    else:
                        place = (message.partition(), message.offset())
                        found.append(Kept(*place, message.key(), message.value()))
        finally:
            consumer.close()
        return sorted(found, key=lambda kept: kept[:2])

    def topic(self, short: str, committed: bool = True) -> list[Kept]:
        """Return the records of a topic by its short name."""
        return self.records(topic_name(self._prefix, short), committed)

    def events(self, short: str, expected: type[E]) -> list[E]:
        """Return the committed events of a topic."""
        return [CODEC.decode(kept.value, expected) for kept in self.topic(short)]

    def aborted(self, stage: str) -> int:
        """Return how many changelog records of a stage belong to aborted transactions."""
        topic = changelog_name(self._prefix, stage)
        return len(self.records(topic, committed=False)) - len(self.records(topic))

    def write_down(self, folder: Path) -> None:
        """Write every record of every topic into files, those of aborted transactions too."""
        for topic in self._topics:
            committed = {kept[:2] for kept in self.records(topic)}
            with (folder / f"{topic}.jsonl").open("w", encoding="utf-8") as file:
                for kept in self.records(topic, committed=False):
                    counts = kept[:2] in committed
                    key, value = (None if it is None else it.hex() for it in kept[2:])
                    print(json.dumps([*kept[:2], counts, key, value]), file=file)

    def ends(self) -> dict[tuple[str, int], int]:
        """Return the last stable offset of every partition of every topic, changelogs included."""
        wanted = {
            TopicPartition(topic, partition): OffsetSpec.latest()
            for topic in self._topics
            for partition in range(self._settings.kafka.partitions)
        }
        told = self._admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_COMMITTED)
        return {
            (at.topic, at.partition): offset.result(ASK_TIMEOUT_S).offset
            for at, offset in told.items()
        }

    def _committed(self, stage: str) -> dict[tuple[str, int], int]:
        group = f"{self._prefix}-{stage}"
        places = [
            TopicPartition(topic_name(self._prefix, short), partition)
            for short in INPUTS[stage]
            for partition in range(self._settings.kafka.partitions)
        ]
        # The admin client's own call ends the process when a group's coordinator is not there yet
        # (librdkafka 2.16).
        told = self._askers[group].committed(places, timeout=ASK_TIMEOUT_S)
        return {(at.topic, at.partition): at.offset for at in told if at.offset >= 0}

    def far_behind(self, ends: dict[tuple[str, int], int]) -> bool:
        """Return whether a stage has more before it than markers, so that a look is too early."""
        for stage, inputs in INPUTS.items():
            committed = self._committed(stage)
            topics = {topic_name(self._prefix, short) for short in inputs}
            for place, end in ends.items():
                if place[0] in topics and committed.get(place, 0) < end - MARKERS_MAX:
                    return True
        return False

    def lag(self, lasts: dict[tuple[str, int], int]) -> list[str]:
        """Return which stages have not yet committed past the last record of which input.

        `lasts` holds the last record's offset by short topic name and partition.
        """
        behind: list[str] = []
        for stage, inputs in INPUTS.items():
            committed = self._committed(stage)
            for (short, partition), last in lasts.items():
                reached = committed.get((topic_name(self._prefix, short), partition), 0)
                if short in inputs and reached <= last:
                    behind.append(f"{stage} is at {reached} of {last + 1} in {short}[{partition}]")
        return behind

    def view(self, name: str, columns: Sequence[str]) -> pd.DataFrame:
        """Return columns of a view of ClickHouse."""
        with asking(self._settings.clickhouse) as client:
            rows = client.query(f"SELECT {', '.join(columns)} FROM {name}").result_rows
        return pd.DataFrame(rows, columns=list(columns), dtype=object)
