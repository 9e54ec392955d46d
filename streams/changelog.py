"""The changelog of one lane: what a store is restored from when it is new, old or elsewhere."""

from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.errors import UnavailableError
from streams.lane_store import DurableStore

BATCH_RECORDS = 5_000
STUCK_AFTER_S = 60.0
POLL_S = 0.5
METADATA_TIMEOUT_S = 15.0


def restore(store: DurableStore, topic: str, partition: int, client: dict[str, Any]) -> int:
    """Bring a store up to the last stable offset of its changelog; return the records applied.

    The end is asked for by a reader of committed records after the lane was fenced, so no older
    owner can add to it. Progress is measured by position, since the last record may be a
    transaction marker, which no reader ever sees.
    """
    consumer = Consumer(
        client
        | {
            "group.id": f"{topic}-restore",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    at = TopicPartition(topic, partition)
    try:
        low, end = consumer.get_watermark_offsets(at, timeout=METADATA_TIMEOUT_S)
        position = max(store.changelog_position, low)
        consumer.assign([TopicPartition(topic, partition, position)])
        applied, idle_s = 0, 0.0
        while position < end:
            messages = consumer.consume(BATCH_RECORDS, POLL_S)
            records: list[tuple[bytes, bytes | None]] = []
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
                records.append((message.key() or b"", message.value()))
            reached = consumer.position([at])[0].offset
            idle_s = 0.0 if messages else idle_s + POLL_S
            position = max(position, reached)
            store.restore(records, position)
            applied += len(records)
            if idle_s > STUCK_AFTER_S:
                raise UnavailableError(
                    f"restoring {topic}[{partition}] stands still at offset {position} of {end}; "
                    "check that the broker runs and that the topic may be read"
                )
        return applied
    finally:
        consumer.close()
