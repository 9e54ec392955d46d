"""The input on its way into Kafka, beside the faults."""

import time

from confluent_kafka import Producer
from fault_input import Sent

from schemas.topics import topic_name
from streams.kafka_access import client_settings
from streams.settings import Settings

BACKLOG_PART = 0.4
# What waits until every fault has taken effect, so that none comes when nothing happens any more.
RESERVE_PART = 0.25
TRICKLE_EVERY_S = 0.25
TRICKLE_PARTS = 100
DELIVERY_TIMEOUT_MS = 120_000


class Load:
    """Sends the input: a backlog, then a trickle, then the rest."""

    def __init__(self, settings: Settings, messages: list[Sent]) -> None:
        self._prefix, self._messages = settings.kafka.topic_prefix, messages
        self._sent = 0
        self._due = 0.0
        self._producer = Producer(
            client_settings(settings.kafka)
            | {
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
                "log_level": 0,
            }
        )

    def _send_to(self, end: int) -> None:
        for message in self._messages[self._sent : end]:
            topic = topic_name(self._prefix, message.short)
            self._producer.produce(topic, message.value, message.key, message.partition)
        self._sent = max(self._sent, end)
        self._producer.poll(0)

    def send_backlog(self) -> None:
        """Send what waits before any stage runs."""
        self._send_to(int(BACKLOG_PART * len(self._messages)))
        self._producer.flush(DELIVERY_TIMEOUT_MS / 1_000)

    def trickle(self) -> None:
        """Send the next few messages if it is time; slowly once only the reserve is left."""
        self._producer.poll(0)
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + TRICKLE_EVERY_S
        total = len(self._messages)
        slow = self._sent > (1 - RESERVE_PART) * total
        size = total // TRICKLE_PARTS
        self._send_to(min(total, self._sent + max(1, size // 4 if slow else size)))

    def send_rest(self) -> None:
        """Send all that is left and wait until all of it is acknowledged."""
        self._send_to(len(self._messages))
        if self._producer.flush(DELIVERY_TIMEOUT_MS / 1_000):
            raise TimeoutError("not all of the input could be sent")
