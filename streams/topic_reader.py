"""Kafka's topics as they stand, read from one end to the other without a consumer group."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.errors import UnavailableError, UserError
from streams.kafka_access import client_settings, reached
from streams.kafka_errors import translated
from streams.settings.services import KafkaSettings

TIMEOUT_S = 15.0
STUCK_AFTER_S = 60.0
POLL_S = 0.1
BATCH_RECORDS = 100

log = logging.getLogger(__name__)

# Given the records read and the records in all.
Progress = Callable[[int, int], None]


class TopicReader:
    """Reads committed records of any topic; nothing is stored in Kafka or elsewhere."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Prepare; raises UserError without an address."""
        self._kafka = kafka
        self._client = client_settings(kafka) | {
            # Never joined: librdkafka only wants a name.
            "group.id": f"{kafka.topic_prefix}-reader",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            # What waits in memory; a record may have a megabyte.
            "queued.max.messages.kbytes": 16_384,
            "fetch.max.bytes": 8 * 2**20,
            # How long an end that is a transaction's marker takes to be noticed.
            "fetch.wait.max.ms": 100,
            "logger": log,
        }
        self._partitions: dict[str, int] = {}

    def partitions(self, topic: str) -> int:
        """Return a topic's partition count.

        Raises UserError when there is no such topic or it may not be read, or the settings cannot
        work, and UnavailableError when the broker does not answer.
        """
        if not self._partitions:
            known = reached(self._kafka)[1].topics
            self._partitions = {name: len(found.partitions) for name, found in known.items()}
        if topic not in self._partitions:
            raise UserError(
                f"Kafka at {self._kafka.bootstrap_servers} has no topic {topic}; check "
                "RECALIBRA_KAFKA_TOPIC_PREFIX, or create the topics with `recalibra setup`"
            )
        return self._partitions[topic]

    def record(self, topic: str, partition: int, offset: int) -> Message | None:
        """Return one record, or None when it is not there; raises as `partitions` does."""
        if not 0 <= partition < self.partitions(topic):
            return None
        only = {partition: (offset, offset + 1)}
        return next((m for m in self.records(topic, only) if m.offset() == offset), None)

    def records(
        self,
        topic: str,
        only: Mapping[int, tuple[int, int]] | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Message]:
        """Yield a topic's records up to the end it has now, each partition in its order.

        `only` names partitions with their first offset and the one behind their last; None means
        all of every partition. Raises as `partitions` does.
        """
        wanted = only or dict.fromkeys(range(self.partitions(topic)), (0, 2**62))
        consumer = Consumer(self._client)
        try:
            spans: dict[int, tuple[int, int]] = {}
            for partition, (start, stop) in wanted.items():
                at = TopicPartition(topic, partition)
                low, end = consumer.get_watermark_offsets(at, timeout=TIMEOUT_S)
                if max(low, start) < min(end, stop):
                    spans[partition] = (max(low, start), min(end, stop))
            consumer.assign([TopicPartition(topic, p, start) for p, (start, _) in spans.items()])
            yield from self._until(consumer, spans, progress or _unseen)
        except KafkaException as error:
            raise translated(error, self._kafka) from error
        finally:
            consumer.close()

    def _until(
        self, consumer: Consumer, spans: dict[int, tuple[int, int]], progress: Progress
    ) -> Iterator[Message]:
        """Yield up to the end of every span.

        The last offset may be a transaction's marker, which no reader ever sees: an end is also
        reached when the broker has nothing more for now.
        """
        total = sum(stop - start for start, stop in spans.values())
        reached = {partition: start for partition, (start, _) in spans.items()}
        heard_at = time.monotonic()
        while spans:
            messages = consumer.consume(BATCH_RECORDS, POLL_S)
            for message in messages:
                partition, offset, error = message.partition(), message.offset(), message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                if partition not in spans:
                    continue
                stop = spans[partition][1]
                if error is None and offset < stop:
                    reached[partition] = offset + 1
                    yield message
                if error is not None or offset + 1 >= stop:
                    reached[partition] = spans.pop(partition)[1]
            progress(total - sum(stop - reached[p] for p, (_, stop) in spans.items()), total)
            now = time.monotonic()
            heard_at = now if messages else heard_at
            if now - heard_at > STUCK_AFTER_S:
                raise UnavailableError(
                    f"Kafka at {self._kafka.bootstrap_servers} sends nothing; check that the "
                    "broker runs and that the topic may be read"
                )


def _unseen(_read: int, _all: int) -> None:
    pass
