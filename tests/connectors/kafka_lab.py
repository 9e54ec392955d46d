"""Topics under one prefix on a real broker, and what rests in them."""

import time
import uuid
from collections.abc import Mapping
from typing import Protocol

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.publisher import SOURCE_HEADER, Publisher
from schemas.codec import Codec
from schemas.table import SchemaTable
from schemas.topics import topic_name

PARTITIONS = 3
DEADLINE_S = 30.0
ENTERING = ("predictions", "outcomes", "dead-letters")


class Broker(Protocol):
    bootstrap_servers: str


class Lab:
    """Topics under one prefix on a real broker."""

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.prefix = prefix
        self.codec = Codec(SchemaTable())

    def create(self, short_names: tuple[str, ...], config: Mapping[str, str] | None = None) -> None:
        topics = [
            NewTopic(topic_name(self.prefix, name), PARTITIONS, 1, config=dict(config or {}))
            for name in short_names
        ]
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        for future in admin.create_topics(topics).values():
            future.result(DEADLINE_S)
        consumer = self._consumer()
        for name in short_names:
            self._ends(consumer, name)
        consumer.close()

    def publisher(self, **settings: str | int | bool) -> Publisher:
        return Publisher(self.bootstrap_servers, self.prefix, self.codec, settings)

    def _consumer(self) -> Consumer:
        return Consumer({"bootstrap.servers": self.bootstrap_servers, "group.id": uuid.uuid4().hex})

    def _ends(self, consumer: Consumer, short_name: str) -> dict[int, int]:
        """The end of each partition, once a topic just created has its leaders."""
        name, deadline = topic_name(self.prefix, short_name), time.monotonic() + DEADLINE_S
        while True:
            try:
                return {
                    p: consumer.get_watermark_offsets(TopicPartition(name, p), DEADLINE_S)[1]
                    for p in range(PARTITIONS)
                }
            except KafkaException:
                if time.monotonic() > deadline:
                    raise

    def messages(self, short_name: str) -> list[Message]:
        """Every message of a topic, in the order of each partition."""
        consumer, found = self._consumer(), list[Message]()
        ends = self._ends(consumer, short_name)
        consumer.assign([TopicPartition(topic_name(self.prefix, short_name), p, 0) for p in ends])
        deadline = time.monotonic() + DEADLINE_S
        while len(found) < sum(ends.values()):
            assert time.monotonic() < deadline, f"{len(found)} of {ends} messages read in time"
            found += [m for m in consumer.consume(1_000, 0.2) if not m.error()]
        consumer.close()
        return found


def sources(message: Message) -> list[bytes]:
    """The values of the header that says where a message came from."""
    return [
        value
        for name, value in list(message.headers() or [])
        if name == SOURCE_HEADER and isinstance(value, bytes)
    ]
