"""What stands in Kafka before an offset's reader, looked at without taking it."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

Place = tuple[str, int]

POLL_S = 0.2


def stable_ends(
    admin: AdminClient, places: list[Place], timeout_s: float, first: bool = False
) -> dict[Place, int]:
    """Return the last stable offset of each partition, or its `first`.

    Raises KafkaException when Kafka does not answer in time.
    """
    if not places:
        return {}
    asked = OffsetSpec.earliest() if first else OffsetSpec.latest()
    found = admin.list_offsets(
        {TopicPartition(*place): asked for place in places},
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=timeout_s,
    )
    return {(at.topic, at.partition): int(f.result().offset) for at, f in found.items()}


def peeking(client: Mapping[str, Any], group: str) -> Consumer:
    """Return a reader of committed records that fetches little and stores nothing in Kafka."""
    return Consumer(
        dict(client)
        | {
            # Never joined: librdkafka only wants a name.
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "queued.min.messages": 1,
            "fetch.message.max.bytes": 16_384,
            "fetch.wait.max.ms": 50,
        }
    )


def is_end(message: Message) -> bool:
    """Return whether this says that a partition has no more; raises KafkaException for an error."""
    error = message.error()
    if error is None or error.code() == KafkaError._PARTITION_EOF:
        return error is not None
    raise KafkaException(error)


class Unread(NamedTuple):
    """The first unread record of a partition: when it was written, in ms since 1970.

    None: the record has no time.
    """

    at_ms: int | None


def first_unread(
    client: Mapping[str, Any], group: str, offsets: Mapping[Place, int], timeout_s: float
) -> dict[Place, Unread | None]:
    """Return the first record at or behind each offset; None where there is none.

    Behind the last record there may still be markers of transactions, which are no records. What
    is not answered in time is left out. Raises KafkaException when Kafka says an error.
    """
    found: dict[Place, Unread | None] = {}
    if not offsets:
        return found
    consumer = peeking(client, group)
    try:
        consumer.assign([TopicPartition(t, p, offset) for (t, p), offset in offsets.items()])
        deadline_s = time.monotonic() + timeout_s
        while found.keys() != offsets.keys() and time.monotonic() < deadline_s:
            message = consumer.poll(POLL_S)
            if message is None:
                continue
            place = (str(message.topic()), int(message.partition() or 0))
            ended = is_end(message)
            if place not in found:
                consumer.incremental_unassign([TopicPartition(*place)])
                found[place] = None if ended else Unread(_written_at_ms(message))
        return found
    finally:
        consumer.close()


def _written_at_ms(message: Message) -> int | None:
    kind, at_ms = message.timestamp()
    return None if kind == TIMESTAMP_NOT_AVAILABLE else int(at_ms)
