"""Events to Kafka: the right topic, key and partition, every one acknowledged or raised.

The publisher remembers where each event is: one that a revision moves to another molecule or assay
is taken back under its old key (see `connectors.moved_events`).
"""

import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.event_places import (
    EventPlaces,
    EventPlacesInMemory,
    EventPlacesOnDisk,
    Remembering,
)
from connectors.outbox import Headers, Outbox, Sending
from schemas.codec import Codec
from schemas.errors import (
    InvalidValueError,
    OursError,
    RecalibraError,
    UnavailableError,
    UserError,
)
from schemas.events import DeadLetter, Outcome, Prediction
from schemas.topics import SHORT_NAMES, key_of, topic_name
from schemas.validation import EVENT_BYTES_MAX

SOURCE_HEADER = "source"
_POLL_EVERY = 1_000
_POLL_S = 0.1
_ENTERING = (Prediction, Outcome, DeadLetter)
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
    # The same as schemas.topics.partition_of, without Python's share of the time.
    "partitioner": "murmur2",
}
_DENIED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,
)

log = logging.getLogger(__name__)

Entering = Prediction | Outcome | DeadLetter


class Publisher:
    """Sends events in the order given, idempotently, with at most 72 MiB waiting.

    Nothing is certain until `flush` returns. Not for several threads at once.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        prefix: str,
        codec: Codec,
        settings: Mapping[str, str | int | float | bool] | None = None,
        timeout_s: float = 30.0,
        remembering: Remembering | None = None,
    ) -> None:
        """Prepare; the broker is asked for its topics by the first `publish` or by `connect`.

        `prefix` is the lab's topic prefix. `settings` are librdkafka's own (security, sizes) and
        override the defaults here, but not idempotence, acks and partitioner; None means none.
        `timeout_s` is how long the broker may be away before UnavailableError. `remembering` says
        where it is kept at which key each event is; None means in memory, for as long as the
        publisher lives. Raises UserError for settings that librdkafka does not take.
        """
        self._prefix = prefix
        self._codec = codec
        self._timeout_s = timeout_s
        self._remembering = remembering
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
        self._targets: dict[type[Entering], str] = {}
        self._outbox: Outbox | None = None
        self._failed: Counter[tuple[str | None, int]] = Counter()
        self._first_error: KafkaError | None = None
        self._since_poll = 0

    def connect(self) -> None:
        """Ask the broker for the topics that events enter by, and their partitions.

        Raises UnavailableError when the broker does not answer in time, UserError when topics are
        missing, and RefusedStateError when what was sent before cannot be remembered.
        """
        self._connected()

    def _connected(self) -> Outbox:
        if self._outbox is not None:
            return self._outbox
        try:
            cluster = self._producer.list_topics(timeout=self._timeout_s)
        except KafkaException as error:
            raise self._away(error) from error
        names = {t: topic_name(self._prefix, SHORT_NAMES[t]) for t in _ENTERING}
        missing = sorted(name for name in names.values() if name not in cluster.topics)
        if missing:
            raise UserError(
                f"Kafka at {self._bootstrap_servers} has no topic {', '.join(missing)}: start the "
                "stack with `recalibra up` or create them with `recalibra setup`"
            )
        self._targets = names
        self._outbox = Outbox(self._places(cluster.cluster_id), self._produce)
        return self._outbox

    def _places(self, cluster_id: str) -> EventPlaces:
        if self._remembering is None:
            return EventPlacesInMemory()
        # Another cluster with the same prefix has other events.
        return EventPlacesOnDisk(f"{self._prefix}-{cluster_id}", self._remembering)

    def publish(self, event: Entering, source: str | None = None) -> None:
        """Hand an event over for sending; `source`, such as "csv:P.csv", goes into a header.

        Waits while the queue is full. Raises InvalidValueError for a prediction or outcome of more
        than EVENT_BYTES_MAX bytes, or one that is at another key in the same revision, which is
        then not sent, and what `connect` and `flush` raise.
        """
        outbox = self._outbox or self._connected()
        sending = self._sending(event, source)
        if isinstance(event, DeadLetter):
            self._produce(sending)
        else:
            if len(sending.value) > EVENT_BYTES_MAX:
                raise InvalidValueError(
                    f"the event has {len(sending.value)} bytes; {EVENT_BYTES_MAX} are allowed"
                )
            for retraction in outbox.admit(event, sending.key):
                outbox.add(self._sending(retraction, source))
            outbox.add(sending)
            if outbox.full:
                self.flush()
        self._since_poll += 1
        if self._since_poll >= _POLL_EVERY:
            self._since_poll = 0
            self._producer.poll(0)
            self._raise_failed()

    def _sending(self, event: Entering, source: str | None) -> Sending:
        headers: Headers | None = {SOURCE_HEADER: source.encode()} if source else None
        topic, value = self._targets[type(event)], self._codec.encode(event)
        return Sending(topic, key_of(event), value, headers)

    def _produce(self, sending: Sending) -> None:
        topic, key, value, headers = sending
        # Each message in a full queue is sent or given up within delivery.timeout.ms; the slack
        # lets librdkafka's own report of it come first.
        deadline = time.monotonic() + 2 * self._timeout_s
        while True:
            try:
                self._producer.produce(
                    topic, value, key, on_delivery=self._reported, headers=headers
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
        if self._outbox is not None:
            self._outbox.unsettle()
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
        if self._outbox is not None:
            self._outbox.empty()
        left = self._producer.flush(2 * self._timeout_s)
        self._raise_failed()
        if left:
            if self._outbox is not None:
                self._outbox.unsettle()
            raise self._away(None)
        if self._outbox is not None:
            self._outbox.settle()

    def close(self) -> None:
        """Drop what was not flushed and let go of every file; the publisher is of no more use."""
        self._producer.purge()
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Flush, or drop what still waits when the block failed; then close."""
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()


def _text(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.str() if isinstance(reason, KafkaError) else str(reason)
