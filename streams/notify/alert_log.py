"""The topic of alerts as one address reads it: its own group, its own place."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from schemas.codec import Codec
from schemas.errors import DataError
from schemas.events import Alert
from schemas.topics import topic_name
from streams.kafka_access import client_settings
from streams.notify import group_of
from streams.settings.services import KafkaSettings
from streams.topic_reader import TopicReader

# An address that is new hears what was said so long before it was first there.
HEARS_BEFORE_S = 300.0
OFFSETS_TIMEOUT_S = 15.0

log = logging.getLogger(__name__)


class Said(NamedTuple):
    """An alert's state as it was read; `alert` None: the record is none.

    `said_at_us` is when Kafka took it, in microseconds since 1970.
    """

    partition: int
    offset: int
    alert: Alert | None
    said_at_us: int


class AlertLog:
    """Reads committed alerts; `gained` and `lost` are called in `poll`, for each partition.

    `gained(partition, history)` gets what was said before the place where reading goes on.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        codec: Codec,
        address: str,
        session_timeout_s: float,
        gained: Callable[[int, Iterator[Alert]], None],
        lost: Callable[[int], None],
    ) -> None:
        self._kafka, self._codec = kafka, codec
        self._gained, self._lost = gained, lost
        self._topic = topic_name(kafka.topic_prefix, "alerts")
        self._started_s = time.time()
        self._committed: dict[int, int] = {}
        self._paused = False
        self._consumer = Consumer(
            client_settings(kafka)
            | {
                "group.id": group_of(kafka.topic_prefix, address),
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "session.timeout.ms": int(session_timeout_s * 1_000),
                "logger": log,
            }
        )
        self._consumer.subscribe(
            [self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def poll(self, timeout_s: float) -> Said | None:
        """Return the next record; raises KafkaException for an error that does not pass."""
        message = self._consumer.poll(timeout_s)
        if message is None:
            return None
        error = message.error()
        if error is not None:
            if error.fatal() or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise KafkaException(error)
            log.warning("Kafka says of %s: %s", self._topic, error.str())
            return None
        return self._said(message)

    def commit(self, offsets: dict[int, int]) -> None:
        """Tell Kafka up to where each partition is done with, if that has moved.

        What Kafka does not take now is told again with the next call.
        """
        moved = {p: at for p, at in offsets.items() if self._committed.get(p) != at}
        if not moved:
            return
        places = [TopicPartition(self._topic, p, at) for p, at in moved.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
            self._committed |= moved
        except KafkaException as error:
            log.warning("the place in %s is not noted: %s", self._topic, error)

    def hold(self, full: bool) -> None:
        """Stop reading while there is more in hand than has room, and go on again."""
        if full != self._paused:
            assigned = self._consumer.assignment()
            (self._consumer.pause if full else self._consumer.resume)(assigned)
            self._paused = full

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _said(self, message: Message) -> Said:
        partition, offset = int(message.partition() or 0), int(message.offset() or 0)
        kind, at_ms = message.timestamp()
        said_at_us = int(time.time() * 1e6) if kind == TIMESTAMP_NOT_AVAILABLE else at_ms * 1_000
        return Said(partition, offset, self._decoded(message), said_at_us)

    def _decoded(self, message: Message) -> Alert | None:
        try:
            return self._codec.decode(message.value(), Alert)
        except DataError as error:
            # The sink makes a dead letter of it.
            log.warning("offset %s of %s is no alert: %s", message.offset(), self._topic, error)
            return None

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = self._places(consumer, partitions)
        reader = TopicReader(self._kafka)
        for place in places:
            only = {place.partition: (0, place.offset)}
            decoded = map(self._decoded, reader.records(self._topic, only) if place.offset else ())
            self._gained(place.partition, (alert for alert in decoded if alert is not None))
        consumer.assign(places)
        self._paused = False
        self._committed = {}
        # Noted at once, so that an address is new only once.
        self.commit({place.partition: place.offset for place in places})
        log.info("reads partitions %s of %s", sorted(p.partition for p in places), self._topic)

    def _places(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return where to go on: the group's place, for a new group a little before its start."""
        found = consumer.committed(partitions, timeout=OFFSETS_TIMEOUT_S)
        new = [p for p in found if p.offset < 0]
        since_ms = int((self._started_s - HEARS_BEFORE_S) * 1_000)
        asked = [TopicPartition(self._topic, p.partition, since_ms) for p in new]
        begin = consumer.offsets_for_times(asked, timeout=OFFSETS_TIMEOUT_S) if asked else []
        places = [p for p in found if p.offset >= 0]
        for place in begin:
            if place.offset < 0:  # nothing was said since
                _, place.offset = consumer.get_watermark_offsets(place, timeout=OFFSETS_TIMEOUT_S)
            places.append(TopicPartition(self._topic, place.partition, place.offset))
        return [TopicPartition(self._topic, p.partition, p.offset) for p in places]

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for place in partitions:
            self._committed.pop(place.partition, None)
            self._lost(place.partition)
