"""What an address could not be told, as a dead letter."""

import logging

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.codec import Codec
from schemas.errors import UnavailableError
from schemas.events import DeadLetter
from schemas.partitioner import partition_of
from schemas.topics import digest, key_of, topic_name
from streams.kafka_access import client_settings
from streams.notify import STAGE
from streams.notify.outbox import Item
from streams.settings.services import KafkaSettings

SEND_TIMEOUT_S = 30.0
ORIGIN = f"{STAGE} of "

log = logging.getLogger(__name__)


class Letters:
    """Writes dead letters; may be used by several threads."""

    def __init__(self, kafka: KafkaSettings, codec: Codec) -> None:
        self._kafka, self._codec = kafka, codec
        self._producer = Producer(
            client_settings(kafka)
            | {"enable.idempotence": True, "delivery.timeout.ms": 20_000, "logger": log}
        )

    def say(self, address: str, item: Item, error: Exception) -> None:
        """Write down what was given up and why; raises UnavailableError when Kafka is away."""
        alert = item.notice.alert
        letter = DeadLetter(
            dead_letter_id=digest(STAGE, address, item.notice.notice_id),
            origin=f"{ORIGIN}{address}",
            partition=None,
            position=item.offset,
            column=None,
            schema_id=None,
            error=type(error).__name__,
            reason=f"{item.notice.news} of alert {alert.alert_id} was not told: {error}",
            key=key_of(alert),
            payload=self._codec.encode(alert),
        )
        failed: list[KafkaError] = []

        def on_delivery(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failed.append(error)

        key = key_of(letter)
        try:
            self._producer.produce(
                topic_name(self._kafka.topic_prefix, "dead-letters"),
                self._codec.encode(letter),
                key,
                partition_of(key, self._kafka.partitions),
                on_delivery=on_delivery,
            )
            left = self._producer.flush(SEND_TIMEOUT_S)
        except (KafkaException, BufferError) as error:
            raise UnavailableError("Kafka does not take a dead letter") from error
        if left or failed:
            raise UnavailableError(
                f"Kafka does not take a dead letter: {failed[:1] or 'no answer'}"
            )
