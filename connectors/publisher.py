"""Events to Kafka: the right topic, key and partition, every one acknowledged or raised."""

import logging
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.codec import Codec
from schemas.errors import (
    InvalidValueError,
    OursError,
    RecalibraError,
    UnavailableError,
    UserError,
)
from schemas.events import DeadLetter, Event, Outcome, Prediction
from schemas.topics import TOPICS, key_of, partition_of, topic_name
from schemas.validation import EVENT_BYTES_MAX

SOURCE_HEADER = "source"
_POLL_EVERY = 1_000
_POLL_S = 0.1
_SHORT_NAMES = {
    event_type: short_name
    for short_name, event_type in TOPICS.items()
    if event_type in (Prediction, Outcome, DeadLetter)
}
_DEFAULTS: dict[str, str | int | bool] = {
    "compression.type": "lz4",
    "linger.ms": 20,
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 65_536,
}
_FIXED: dict[str, str | int | bool] = {
    "enable.idempotence": True,
    "acks": "all",
    "delivery.report.only.error": True,
}
_DENIED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,
)

log = logging.getLogger(__name__)

Entering = Prediction | Outcome | DeadLetter
Headers = dict[str, str | bytes | None]


class Publisher:
    """Sends events in the order given, idempotently, with at most 64 MiB waiting.

    Nothing is certain until `flush` returns. Not for several threads at once.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        prefix: str,
        codec: Codec,
        settings: Mapping[str, str | int | float | bool] | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """Prepare; the broker is asked for its topics by the first `publish` or by `connect`.

        `prefix` is the lab's topic prefix. `settings` are librdkafka's own (security, sizes) and
        override the defaults here, but not idempotence and acks; None means none. `timeout_s` is
        how long the broker may be away before UnavailableError. Raises UserError for settings that
        librdkafka does not take.
        """
        self._prefix = prefix
        self._codec = codec
        self._timeout_s = timeout_s
        self._bootstrap_servers = bootstrap_servers
        config: dict[str, str | int | float | bool | object] = {
            **_DEFAULTS,
            "delivery.timeout.ms": int(timeout_s * 1_000),
            **(settings or {}),
            **_FIXED,
            "bootstrap.servers": bootstrap_servers,
            "logger": log,
        }
        try:
            self._producer = Producer(config)
        except (KafkaException, ValueError) as error:
            raise UserError(f"Kafka's client refuses its settings: {_text(error)}") from error
        self._targets: dict[type[Event], tuple[str, int]] = {}
        self._failed: Counter[tuple[str | None, int]] = Counter()
        self._first_error: KafkaError | None = None
        self._since_poll = 0

    def connect(self) -> None:
        """Ask the broker for the topics that events enter by, and their partitions.

        Raises UnavailableError when the broker does not answer in time and UserError when topics
        are missing.
        """
        try:
            known = self._producer.list_topics(timeout=self._timeout_s).topics
        except KafkaException as error:
            raise self._away(error) from error
        names = {t: topic_name(self._prefix, short) for t, short in _SHORT_NAMES.items()}
        missing = sorted(name for name in names.values() if name not in known)
        if missing:
            raise UserError(
                f"Kafka at {self._bootstrap_servers} has no topic {', '.join(missing)}: start the "
                "stack with `recalibra up` or create them with `recalibra setup`"
            )
        self._targets = {t: (name, len(known[name].partitions)) for t, name in names.items()}

    def publish(self, event: Entering, source: str | None = None) -> None:
        """Hand an event over for sending; `source`, such as "csv:P.csv", goes into a header.

        Waits while the queue is full. Raises InvalidValueError for a prediction or outcome of more
        than EVENT_BYTES_MAX bytes, which is then not sent, and what `connect` and `flush` raise.
        """
        if not self._targets:
            self.connect()
        topic, partitions = self._targets[type(event)]
        value = self._codec.encode(event)
        if len(value) > EVENT_BYTES_MAX and isinstance(event, (Prediction, Outcome)):
            raise InvalidValueError(
                f"the event has {len(value)} bytes; {EVENT_BYTES_MAX} are allowed"
            )
        key = key_of(event)
        headers: Headers | None = {SOURCE_HEADER: source.encode()} if source else None
        self._produce(topic, partition_of(key, partitions), key, value, headers)
        self._since_poll += 1
        if self._since_poll >= _POLL_EVERY:
            self._since_poll = 0
            self._producer.poll(0)
            self._raise_failed()

    def _produce(
        self,
        topic: str,
        partition: int,
        key: bytes,
        value: bytes,
        headers: Headers | None,
    ) -> None:
        # Each message in a full queue is sent or given up within delivery.timeout.ms; the slack
        # lets librdkafka's own report of it come first.
        deadline = time.monotonic() + 2 * self._timeout_s
        while True:
            try:
                self._producer.produce(
                    topic, value, key, partition, on_delivery=self._reported, headers=headers
                )
                return
            except BufferError:
                self._producer.poll(_POLL_S)
                self._raise_failed()
                if time.monotonic() > deadline:
                    raise self._away(None) from None
            except KafkaException as error:
                raise self._error_of(error.args[0], topic) from error

    def _reported(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            return
        self._failed[message.topic(), error.code()] += 1
        if self._first_error is None:
            self._first_error = error

    def _raise_failed(self) -> None:
        if self._first_error is None:
            return
        failed, first = self._failed, self._first_error
        self._failed, self._first_error = Counter(), None
        for (topic, code), count in failed.items():
            log.error("%d not delivered to %s: Kafka's error %d", count, topic, code)
        raise self._error_of(first, next(iter(failed))[0], failed.total())

    def _error_of(self, error: KafkaError, topic: str | None, failed: int = 1) -> RecalibraError:
        count = f"{failed} {'event was' if failed == 1 else 'events were'} not delivered to {topic}"
        code = error.code()
        if code in _DENIED:
            return UserError(f"{count}: Kafka denies it; check the credentials and their rights")
        if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION):
            return UserError(f"{count}: the topic has gone; run `recalibra setup`")
        if code in (KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
            return UnavailableError(
                f"{count} within {self._timeout_s:g} s: Kafka at {self._bootstrap_servers} does "
                "not answer; send them again when it does"
            )
        return OursError(f"{count}: {error.str()}; send them again")

    def _away(self, error: KafkaException | None) -> UnavailableError:
        log.debug("Kafka does not answer: %s", error)
        return UnavailableError(
            f"Kafka at {self._bootstrap_servers} does not answer within {self._timeout_s:g} s; "
            "check the address and that the broker runs (`recalibra up` starts the local one)"
        )

    def flush(self) -> None:
        """Wait until every event handed over is acknowledged.

        Raises UnavailableError, OursError or UserError when one was not; all of those may be sent
        again.
        """
        left = self._producer.flush(2 * self._timeout_s)
        self._raise_failed()
        if left:
            raise self._away(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Flush, or drop what still waits when the block failed."""
        if kind is None:
            self.flush()
        else:
            self._producer.purge()


def _text(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.str() if isinstance(reason, KafkaError) else str(reason)
