"""What stands in Kafka before an offset's reader, looked at without taking it."""

import time
from collections.abc import Iterator, Mapping
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


class Peek:
    """A reader of committed records that fetches little and stores nothing in Kafka.

    One thread at a time; every method raises KafkaException when Kafka says an error.
    """

    def __init__(self, client: Mapping[str, Any], group: str) -> None:
        self._consumer = Consumer(
            dict(client)
            | {
                # Never joined: librdkafka only wants a name.
                "group.id": group,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "queued.min.messages": 1,
                "fetch.queue.backoff.ms": 10,
                "fetch.message.max.bytes": 16_384,
                "fetch.wait.max.ms": 50,
            }
        )

    def first_unread(
        self, offsets: Mapping[Place, int], timeout_s: float
    ) -> dict[Place, Unread | None]:
        """Return the first record at or behind each offset; None where there is none.

        Behind the last record there may still be markers of transactions, which are no records.
        What is not answered in time is left out.
        """
        found: dict[Place, Unread | None] = {}
        if not offsets:
            return found
        self._consumer.assign([TopicPartition(t, p, at) for (t, p), at in offsets.items()])
        for message in self._until(timeout_s):
            place = (str(message.topic()), int(message.partition() or 0))
            ended = is_end(message)
            if place in offsets and place not in found:
                self._consumer.incremental_unassign([TopicPartition(*place)])
                found[place] = None if ended else Unread(_written_at_ms(message))
                if len(found) == len(offsets):
                    break
        self._consumer.unassign()
        return found

    def count(
        self, offsets: dict[Place, int], timeout_s: float, bytes_max: int
    ) -> tuple[int, bool]:
        """Return how many records there are from the offsets on, and whether these are all.

        What is not counted in time or would be more than about `bytes_max` is left for another
        call: `offsets` is moved on.
        """
        self._consumer.assign([TopicPartition(t, p, at) for (t, p), at in offsets.items()])
        records, size, ended = 0, 0, set[Place]()
        for message in self._until(timeout_s):
            place = (str(message.topic()), int(message.partition() or 0))
            if is_end(message):
                ended.add(place)
                if len(ended) == len(offsets):
                    break
                continue
            records, size = records + 1, size + len(message)
            offsets[place] = (message.offset() or 0) + 1
            if size > bytes_max:
                break
        self._consumer.unassign()
        return records, len(ended) == len(offsets)

    def _until(self, timeout_s: float) -> Iterator[Message]:
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            message = self._consumer.poll(POLL_S)
            if message is not None:
                yield message

    def close(self) -> None:
        """Let go of Kafka."""
        self._consumer.close()


def _written_at_ms(message: Message) -> int | None:
    kind, at_ms = message.timestamp()
    return None if kind == TIMESTAMP_NOT_AVAILABLE else int(at_ms)
