"""The broker as the harness uses it: the input goes in, and how far an engine is is read off.

Both are the same for every engine, and nothing of them runs inside an engine.
"""

import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    IsolationLevel,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from benchmarks.workload import Event
from schemas.codec import Codec
from schemas.errors import UnavailableError
from schemas.events import Prediction
from schemas.partitioner import partition_of
from schemas.topics import key_of
from streams.kafka_access import ensure_topics
from streams.settings.services import KafkaSettings

PARTITIONS = 4
ANSWER_TIMEOUT_S = 15.0
READ_AT_ONCE = 5_000
# It waits that long for as many as it may give.
READ_WAIT_S = 0.2
READ_TIMEOUT_S = 300.0
UNKNOWN_OFFSET = 0


class Message(NamedTuple):
    """An event as it is produced."""

    is_prediction: bool
    key: bytes
    partition: int
    value: bytes


def encoded(events: Iterable[Event], codec: Codec) -> Iterator[Message]:
    """Yield the events as messages, on the keys and partitions of the product."""
    for event in events:
        key = key_of(event)
        partition = partition_of(key, PARTITIONS)
        yield Message(isinstance(event, Prediction), key, partition, codec.encode(event))


class Broker:
    """Topics, input and progress on one broker."""

    def __init__(self, bootstrap_servers: str, partitions: int = PARTITIONS) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._partitions = partitions
        self._groups: dict[str, Consumer] = {}
        self._common = {"bootstrap.servers": bootstrap_servers, "log_level": 2}
        self._admin = AdminClient(self._common)

    def settings(self, prefix: str) -> KafkaSettings:
        """Return the product's settings for a topic prefix on this broker."""
        return KafkaSettings(
            bootstrap_servers=self.bootstrap_servers,
            topic_prefix=prefix,
            partitions=self._partitions,
        )

    def load(self, prefix: str, messages: list[Message]) -> None:
        """Create the topics of a prefix and produce the input in its order.

        The messages' times are a millisecond apart and end now: engines that go by them see the
        order of arrival. Raises UnavailableError when not all of it is acknowledged.
        """
        ensure_topics(self.settings(prefix))
        producer = Producer(
            {
                **self._common,
                "compression.type": "lz4",
                "linger.ms": 50,
                "enable.idempotence": True,
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 1_048_576,
            }
        )
        topics = f"{prefix}.outcomes", f"{prefix}.predictions"
        first_ms = int(time.time() * 1_000) - len(messages)
        for number, message in enumerate(messages):
            topic = topics[message.is_prediction]
            at_ms = first_ms + number
            while True:
                try:
                    producer.produce(
                        topic, message.value, message.key, message.partition, timestamp=at_ms
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
            if number % 1_000 == 0:
                producer.poll(0)
        if producer.flush(4 * ANSWER_TIMEOUT_S):
            raise UnavailableError("the broker did not take the whole input within a minute")

    def create_output(self, topic: str) -> None:
        """Create the topic that an engine writes its pairs to, if it is not there."""
        try:
            self._admin.create_topics([NewTopic(topic, self._partitions, 1)])[topic].result(
                ANSWER_TIMEOUT_S
            )
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise

    def any_group_ready(self, groups: list[str]) -> bool:
        """Return whether one of the groups has members that have their partitions."""
        described = self._admin.describe_consumer_groups(groups, request_timeout=ANSWER_TIMEOUT_S)
        for future in described.values():
            try:
                found = future.result(ANSWER_TIMEOUT_S)
            except KafkaException:  # not there yet
                continue
            if found.state == ConsumerGroupState.STABLE and found.members:
                return True
        return False

    def members(self, group: str) -> int:
        """Return how many members a group has that have their partitions; 0 while it moves."""
        described = self._admin.describe_consumer_groups([group], request_timeout=ANSWER_TIMEOUT_S)
        try:
            found = described[group].result(ANSWER_TIMEOUT_S)
        except KafkaException:  # not there yet
            return 0
        return len(found.members) if found.state == ConsumerGroupState.STABLE else 0

    def committed_end(self, topics: Iterable[str]) -> int:
        """Return the sum of the offsets up to which a reader of committed records can read."""
        asked = {
            TopicPartition(topic, partition): OffsetSpec.latest()
            for topic in topics
            for partition in range(self._partitions)
        }
        found = self._admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED)
        return sum(future.result(ANSWER_TIMEOUT_S).offset for future in found.values())

    def topics_of(self, prefix: str) -> list[str]:
        """Return the topics there are under a prefix."""
        known = self._admin.list_topics(timeout=ANSWER_TIMEOUT_S).topics
        return sorted(name for name in known if name.startswith(f"{prefix}."))

    def group_position(self, group: str, topics: Iterable[str]) -> int:
        """Return the sum of a group's committed offsets in some topics."""
        consumer = self._groups.get(group)
        if consumer is None:
            # Never subscribed: it only asks. The admin client's own call ends the process when a
            # group's coordinator is not there yet (librdkafka 2.16).
            consumer = self._groups[group] = Consumer({**self._common, "group.id": group})
        asked = [TopicPartition(t, p) for t in topics for p in range(self._partitions)]
        try:
            told = consumer.committed(asked, timeout=ANSWER_TIMEOUT_S)
        except KafkaException:  # a group that is not there yet
            return UNKNOWN_OFFSET
        return sum(max(0, at.offset) for at in told)

    def reader(self, topic: str) -> Consumer:
        """Return a reader of a topic's committed records, from the first on."""
        consumer = Consumer(
            {**self._common, "group.id": "benchmark-reader", "enable.auto.commit": False}
            | {"isolation.level": "read_committed", "auto.offset.reset": "earliest"}
        )
        consumer.assign([TopicPartition(topic, p, 0) for p in range(self._partitions)])
        return consumer

    def stamp_at_append(self, topic: str) -> None:
        """Have the broker give a topic's records the time at which it appends them."""
        entry = ConfigEntry(
            "message.timestamp.type",
            "LogAppendTime",
            incremental_operation=AlterConfigOpType.SET,
        )
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        self._admin.incremental_alter_configs([resource])[resource].result(ANSWER_TIMEOUT_S)

    def read(self, topic: str) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, value) of every committed record of a topic."""
        consumer = Consumer(
            {**self._common, "group.id": "benchmark-reader", "enable.partition.eof": True}
            | {"isolation.level": "read_committed", "enable.auto.commit": False}
        )
        try:
            consumer.assign([TopicPartition(topic, p, 0) for p in range(self._partitions)])
            ended: set[int] = set()
            deadline = time.monotonic() + READ_TIMEOUT_S
            while len(ended) < self._partitions:
                if time.monotonic() > deadline:
                    raise UnavailableError(f"the end of {topic} could not be read in time")
                for message in consumer.consume(READ_AT_ONCE, READ_WAIT_S):
                    if message.error():
                        ended.add(message.partition())
                    elif message.value() is not None:
                        yield message.offset(), message.value()
        finally:
            consumer.close()
