"""ClickHouse's tables, filled anew from the topics while the old ones stand.

Rows have identities and versions that follow from the events alone, so the topics are all there is
to a row. Fresh tables are filled beside those that are asked, and take their places at the end,
each in one step: whoever asks meanwhile sees the old rows, and a rebuild that is killed has changed
nothing, or has some tables in place already, which hold the same. It is given again from the start.

The sink's own place in the topics stays: what it had not written yet, it writes once more.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from processors.store import MemoryStore
from schemas.acceptance import accepted
from schemas.codec import Codec
from schemas.errors import DataError, UnavailableError
from schemas.events import DeadLetter, Event
from schemas.topics import TOPICS, topic_name
from sinks.clickhouse import ClickHouseSink
from sinks.side_tables import SideTables
from sinks.tables import TABLES
from streams.grouped_writes import Sink
from streams.kafka_access import client_settings
from streams.settings.services import KafkaSettings
from streams.sink_stage import SinkProcessor
from streams.topic_reader import TIMEOUT_S, TopicReader

# What ClickHouse takes well at once; a part is never larger than 100,000 rows.
ROWS_AT_ONCE = 20_000
# ClickHouse may be busy merging; one that is away is not waited for without end.
FLUSH_TRIES = 20

log = logging.getLogger(__name__)

# Topic, then offsets read and in all, of all topics.
Progress = Callable[[str, int, int], None]
Ends = dict[tuple[str, int], int]


class Rebuilt(NamedTuple):
    """What was done: rows at rest by topic; records that are no events, which letters tell of.

    `refused` are events that ClickHouse does not take and no dead letter tells of yet.
    """

    rows: dict[str, int]
    records: int
    not_taken_in: int
    refused: int


class ClickHouseRebuild:
    """One rebuild; `sink` writes into the tables that are asked, `side` into those beside them."""

    def __init__(
        self, kafka: KafkaSettings, codec: Codec, sink: ClickHouseSink, side: SideTables
    ) -> None:
        self._kafka, self._codec = kafka, codec
        self._sink, self._side = sink, side
        self._reader = TopicReader(kafka)
        self._records = self._bad = 0
        self._refused: dict[str, DeadLetter] = {}
        self._told: set[str] = set()

    def run(self, progress: Progress) -> Rebuilt:
        """Fill fresh tables, put them into place and remove the old ones.

        Raises what the sink raises, and UnavailableError when Kafka is away.
        """
        self._sink.ensure_tables()
        self._side.create()
        reached = self._fill(self._side, {}, progress)
        self._side.exchange()
        # Whatever a sink that was started meanwhile has written came from records up to here.
        self._fill(self._sink, reached, progress)
        self._side.drop()
        refused = len(self._refused.keys() - self._told)
        return Rebuilt(self._side.counts(), self._records, self._bad, refused)

    def _ends(self) -> Ends:
        """Return the last stable offset of every partition."""
        consumer = Consumer(
            client_settings(self._kafka)
            | {"group.id": "recalibra-reader", "isolation.level": "read_committed"}
        )
        try:
            return {
                (short, partition): consumer.get_watermark_offsets(
                    TopicPartition(topic_name(self._kafka.topic_prefix, short), partition),
                    timeout=TIMEOUT_S,
                )[1]
                for short in TABLES
                for partition in range(self._kafka.partitions)
            }
        finally:
            consumer.close()

    def _fill(self, sink: Sink, done: Ends, progress: Progress) -> Ends:
        """Write every event from `done` on, and return up to where."""
        ends = self._ends()
        total = sum(end - done.get(place, 0) for place, end in ends.items())
        behind = 0
        # Dead letters first: they tell which events ClickHouse has refused before.
        for short in sorted(TABLES, key=lambda name: name != "dead-letters"):
            spans = {p: (done.get((s, p), 0), end) for (s, p), end in ends.items() if s == short}
            self._fill_one(sink, short, spans, partial(_added, progress, short, behind, total))
            behind += sum(end - start for start, end in spans.values())
        return ends

    def _fill_one(
        self,
        sink: Sink,
        short: str,
        spans: dict[int, tuple[int, int]],
        progress: Callable[[int, int], None],
    ) -> None:
        """Write the events of one topic, each partition in its order, as the sink stage does."""
        store = MemoryStore()
        processor = SinkProcessor(sink, self._codec)
        topic = topic_name(self._kafka.topic_prefix, short)
        waiting = 0
        for number, message in enumerate(self._reader.records(topic, spans, progress)):
            self._records += 1
            try:
                event = accepted(self._codec, message.value(), TOPICS[short])
            except DataError as error:
                self._bad += 1
                log.debug("%s[%s] at %s: %s", topic, message.partition(), message.offset(), error)
                continue
            if isinstance(event, DeadLetter):
                self._told.add(event.dead_letter_id)
            processor.process(event, number, store)
            waiting += 1
            if waiting == ROWS_AT_ONCE:
                self._flush(processor, store)
                waiting = 0
        self._flush(processor, store)

    def _flush(self, processor: SinkProcessor, store: MemoryStore) -> None:
        for letter in self._flushed(processor, store):
            assert isinstance(letter, DeadLetter)
            log.warning("%s: %s", letter.origin, letter.reason)
            self._refused[letter.dead_letter_id] = letter

    @staticmethod
    def _flushed(processor: SinkProcessor, store: MemoryStore) -> list[Event]:
        for tries_left in reversed(range(FLUSH_TRIES)):
            try:
                return processor.flush(store, quiet=False)
            except UnavailableError as error:
                if not tries_left:
                    raise
                log.warning("waits: %s", error)
                time.sleep(error.retry_after_s)
        raise AssertionError("unreachable")


def _added(progress: Progress, short: str, behind: int, total: int, read: int, _all: int) -> None:
    progress(short, behind + read, total)
