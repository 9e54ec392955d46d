"""The changelog of one lane: what a store is restored from when it is new, old or elsewhere."""

import logging
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from schemas.errors import OursError, RefusedStateError, UnavailableError
from streams.lane_offsets import version_of
from streams.lane_store import OFFSETS_KEY, DurableStore, refuse_other_version

BATCH_RECORDS = 5_000
STUCK_AFTER_S = 60.0
# A batch that does not fill is waited for to its end, also behind the last record there is.
POLL_S = 0.1
METADATA_TIMEOUT_S = 15.0
TOLD_EVERY_S = 5.0

log = logging.getLogger(__name__)

# Given the records applied, and of how many offsets how many are behind.
Progress = Callable[[int, int, int], None]


def unseen(_applied: int, _done: int, _all: int) -> None:
    """Take no notice of a progress."""


def restore(
    store: DurableStore,
    topic: str,
    partition: int,
    client: dict[str, Any],
    given_up: Callable[[], bool] = lambda: False,
    progress: Progress = unseen,
) -> int:
    """Bring a store up to the last stable offset of its changelog; return the records applied.

    The end is asked for by a reader of committed records after the lane was fenced, so no older
    owner can add to it; what a newer one adds behind it is left to that one. Progress is measured
    by position, since the last record may be a transaction marker, which no reader ever sees.
    `progress` is told of each batch, the log every few seconds.

    Raises RefusedStateError for a changelog of another state version or one that is not the
    store's, UnavailableError when it cannot be read or the disk is full, OursError as soon as
    `given_up`; the store then goes on from where it is when it is next restored.
    """
    consumer = Consumer(
        client
        | {
            # Never joined, yet asked for: it must be among the groups that we may use.
            "group.id": f"{topic.rpartition('.')[0]}-restore",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    at = TopicPartition(topic, partition)
    try:
        first, end = _lacking(store, consumer, at)
        consumer.assign([TopicPartition(topic, partition, first)])
        position, applied, idle_s = first, 0, 0.0
        told_at = time.monotonic()
        progress(applied, 0, end - first)
        while position < end:
            if given_up():
                raise OursError(f"restoring {topic}[{partition}] was given up at {position}")
            messages = consumer.consume(BATCH_RECORDS, POLL_S)
            records = _records(messages, end, f"the changelog {topic}[{partition}]")
            reached = min(consumer.position([at])[0].offset, end)
            idle_s = 0.0 if messages else idle_s + POLL_S
            position = max(position, reached)
            store.restore(records, position)
            applied += len(records)
            progress(applied, position - first, end - first)
            if time.monotonic() - told_at > TOLD_EVERY_S:
                told_at = time.monotonic()
                log.info(
                    "restoring %s[%d]: %d %%, %d records so far",
                    topic,
                    partition,
                    100 * (position - first) // (end - first),
                    applied,
                )
            if idle_s > STUCK_AFTER_S:
                raise UnavailableError(
                    f"restoring {topic}[{partition}] stands still at offset {position} of {end}; "
                    "check that the broker runs and that the topic may be read"
                )
        return applied
    finally:
        consumer.close()


def _lacking(store: DurableStore, consumer: Consumer, at: TopicPartition) -> tuple[int, int]:
    """Return from which offset to which a store lacks its changelog."""
    low, end = consumer.get_watermark_offsets(at, timeout=METADATA_TIMEOUT_S)
    if store.changelog_position > end:
        raise RefusedStateError(
            f"a store stands at offset {store.changelog_position} of {at.topic}[{at.partition}], "
            f"which ends at {end}: the topic was deleted, or lost records; remove the folder "
            "stores in the state folder"
        )
    return max(store.changelog_position, low), end


def _records(messages: list[Message], end: int, what: str) -> list[tuple[bytes, bytes | None]]:
    """Return keys and values of what stands before `end`, all of this program's version."""
    records: list[tuple[bytes, bytes | None]] = []
    for message in messages:
        if message.error():
            raise KafkaException(message.error())
        if (message.offset() or 0) >= end:
            break
        key, value = message.key() or b"", message.value()
        if key == OFFSETS_KEY and value is not None:
            refuse_other_version(version_of(value), what)
        records.append((key, value))
    return records
