"""A lane's side of Kafka: taking over, restoring, and one transaction per checkpoint."""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from schemas.errors import FencedError, OursError
from schemas.topics import topic_name
from streams.changelog import Progress, restore, unseen
from streams.lane_store import OFFSETS_KEY, DurableStore

log = logging.getLogger(__name__)

TRANSACTION_TIMEOUT_MS = 15_000
FENCE_TIMEOUT_S = 30.0
CALL_TIMEOUT_S = 10.0
COMMIT_TRIES = 12


class LaneAddress(NamedTuple):
    """Which lane: application prefix, stage name, partition, and how many partitions there are."""

    prefix: str
    stage: str
    partition: int
    partitions: int

    def __str__(self) -> str:
        return f"{self.stage}[{self.partition}]"

    @property
    def changelog(self) -> str:
        """The topic that this lane's state is logged to."""
        return topic_name(self.prefix, f"{self.stage}-changelog")

    @property
    def group(self) -> str:
        """The consumer group of the stage."""
        return f"{self.prefix}-{self.stage}"


class Outgoing(NamedTuple):
    """A message that waits for the checkpoint."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None


class Checkpoint(NamedTuple):
    """All that becomes durable at once: outputs, changes of the store, and how far input was read.

    `offsets` is `consumed` as the changelog and the store keep it.
    """

    outgoing: list[Outgoing]
    changes: list[tuple[bytes, bytes | None]]
    consumed: dict[str, int]
    offsets: bytes


class LaneLog(Protocol):
    """What a lane asks of the log; Kafka's is below, the simulation has another."""

    def fence(self) -> None:
        """Make sure that no earlier owner of the lane can commit any more. Blocks for seconds."""

    def restore(self, store: DurableStore, given_up: Callable[[], bool]) -> int:
        """Bring a store up to the end of the changelog; return the records applied.

        Raises OursError soon after `given_up` holds, RefusedStateError for another state version.
        """

    def commit(self, checkpoint: Checkpoint) -> int:
        """Make a checkpoint durable, all or nothing; return the changelog offset behind it.

        Raises FencedError when the lane belongs to another worker, OursError when the outcome is
        that nothing happened or cannot be learned: the lane must be given up in both cases.
        """

    def close(self) -> None:
        """Let go of the log."""


class KafkaLaneLog:
    """A lane's transactional producer, its changelog and its group's offsets.

    `note` makes what is written beside the group's offsets, for those who watch from elsewhere;
    `progress` is told of a restore.
    """

    def __init__(
        self,
        address: LaneAddress,
        client: dict[str, Any],
        note: Callable[[], str] = str,
        progress: Progress = unseen,
        transaction_timeout_ms: int = TRANSACTION_TIMEOUT_MS,
    ) -> None:
        self._address = address
        self._client = client
        self._note, self._progress = note, progress
        self._transaction_timeout_ms = transaction_timeout_ms

    def fence(self) -> None:
        """Take the transactional id over; a commit of its last owner now fails."""
        self._producer = Producer(
            self._client
            | {
                "transactional.id": f"{self._address.group}-{self._address.partition}",
                "transaction.timeout.ms": self._transaction_timeout_ms,
                "linger.ms": 5,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        try:
            self._producer.init_transactions(FENCE_TIMEOUT_S)
        except KafkaException as error:
            raise OursError(f"lane {self._address} cannot be taken over: {error}") from error
        # Never subscribed: it only carries the group's name into the transaction.
        self._group = Consumer(self._client | {"group.id": self._address.group})
        self._metadata = self._group.consumer_group_metadata()

    def restore(self, store: DurableStore, given_up: Callable[[], bool]) -> int:
        """Apply the changelog up to its last stable offset, asked for after the fence."""
        changelog, partition = self._address.changelog, self._address.partition
        return restore(store, changelog, partition, self._client, given_up, self._progress)

    def commit(self, checkpoint: Checkpoint) -> int:
        """Send everything in one transaction; see `LaneLog.commit`."""
        changelog, partition = self._address.changelog, self._address.partition
        logged: list[int] = []

        def on_logged(error: KafkaError | None, message: Message) -> None:
            if error is None:
                logged.append(message.offset() or 0)

        note = self._note()
        consumed = [TopicPartition(t, partition, o, note) for t, o in checkpoint.consumed.items()]
        try:
            self._producer.begin_transaction()
            for topic, to, key, value in checkpoint.outgoing:
                self._produce(topic, to, key, value)
            for key, value in checkpoint.changes:
                self._produce(changelog, partition, key, value)
            self._produce(changelog, partition, OFFSETS_KEY, checkpoint.offsets, on_logged)
            self._producer.send_offsets_to_transaction(consumed, self._metadata, CALL_TIMEOUT_S)
            self._commit_transaction()
        except KafkaException as error:
            raise self._given_up(error) from error
        return logged[0] + 1

    def _produce(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        on_delivery: Any = None,
    ) -> None:
        extra = {} if on_delivery is None else {"on_delivery": on_delivery}
        while True:
            try:
                self._producer.produce(topic, value, key, partition, **extra)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _commit_transaction(self) -> None:
        """Commit; a commit whose outcome is unknown is asked again, never aborted."""
        for attempt in range(COMMIT_TRIES):
            try:
                self._producer.commit_transaction(CALL_TIMEOUT_S)
                return
            except KafkaException as error:
                if not error.args[0].retriable() or attempt == COMMIT_TRIES - 1:
                    raise
                log.warning("lane %s asks again for its commit: %s", self._address, error)

    def _given_up(self, error: KafkaException) -> OursError:
        cause: KafkaError = error.args[0]
        if cause.fatal():
            return FencedError(f"lane {self._address} belongs to another worker now: {cause.str()}")
        return OursError(f"lane {self._address} could not make its checkpoint: {cause.str()}")

    def close(self) -> None:
        """Leave Kafka; the producer goes with the last reference to it."""
        self._group.close()
