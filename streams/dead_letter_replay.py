"""Dead letters sent again: what can be done about each, and doing it."""

import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.publisher import SOURCE_HEADER
from schemas.acceptance import accepted
from schemas.codec import Codec
from schemas.errors import DataError, UnavailableError
from schemas.events import DeadLetter, Event, Pair
from schemas.partitioner import partition_of
from schemas.topics import TOPICS, key_of, topic_name
from streams.kafka_access import client_settings
from streams.lane import DEAD_PAYLOAD_BYTES_MAX
from streams.lane_log import Outgoing
from streams.settings.services import KafkaSettings
from streams.topic_reader import TopicReader

CHUNK_LETTERS = 100
SEND_TIMEOUT_S = 30.0
# The broker's own limit decides; librdkafka's default lies below that of many brokers.
SENT_BYTES_MAX = 64 * 2**20
_JOIN = "join"
_SINK = "sink of "
_NOTIFY = "notify of "

log = logging.getLogger(__name__)


class Assessment(NamedTuple):
    """What a replay sends; `outgoing` None: the letter is left, for the `reason` that stands."""

    outgoing: Outgoing | None
    reason: str = ""


class Replayed(NamedTuple):
    """What became of the letters asked for: `asked` = `sent` + `left`."""

    asked: int
    sent: int
    left: int


class DeadLetterReplay:
    """Sends the dead letters of one lab again.

    Every method raises UnavailableError when Kafka or the schema registry is away.
    """

    def __init__(self, kafka: KafkaSettings, codec: Codec) -> None:
        """Prepare; raises UserError without an address."""
        self._kafka = kafka
        self._codec = codec
        self._reader = TopicReader(kafka)
        self._topics = {topic_name(kafka.topic_prefix, short): short for short in TOPICS}

    def assess(self, letters: Sequence[DeadLetter], as_is: bool = False) -> list[Assessment]:
        """Return what a replay would do with each letter, by today's schemas and rules.

        `as_is` lets bytes that still cannot be taken in go where they came from. Raises UserError
        when a topic is missing.
        """
        judged = [self._assess(letter, as_is) for letter in letters]
        pairs = [event for _, event in judged if isinstance(event, Pair)]
        newest = self._newest_rows(pairs) if pairs else {}
        return [
            Assessment(None, "the pair has been restated since: what stands is newer than this")
            if isinstance(event, Pair) and newest.get(event.pair_id, 0) > event.row_version
            else assessment
            for assessment, event in judged
        ]

    def _assess(self, letter: DeadLetter, as_is: bool) -> tuple[Assessment, Event | None]:
        topic = self._topic_of(letter)
        if topic is None:
            return Assessment(None, self._elsewhere(letter)), None
        whole = self._whole(letter)
        if whole is None:
            reason = (
                f"the letter holds only the first {DEAD_PAYLOAD_BYTES_MAX} bytes and the record "
                f"has left {letter.origin}: send it again from where it came from"
            )
            return Assessment(None, reason), None
        key, payload = whole
        partitions = self._reader.partitions(topic)
        try:
            event = accepted(self._codec, payload, TOPICS[self._topics[topic]])
        except DataError as error:
            # Without the partition or any bytes there is nothing to send as it was.
            there = letter.partition is not None and 0 <= letter.partition < partitions
            if as_is and there and payload:
                outgoing = Outgoing(topic, letter.partition or 0, key, payload)
                return Assessment(outgoing), None
            return Assessment(None, f"it still cannot be taken in: {error}"), None
        key = key_of(event)
        outgoing = Outgoing(topic, partition_of(key, partitions), key, payload)
        return Assessment(outgoing), event

    def _topic_of(self, letter: DeadLetter) -> str | None:
        """Return the topic a letter's record was read from, or None when it is not a record."""
        if letter.partition is not None:
            return letter.origin if letter.origin in self._topics else None
        short = letter.origin.removeprefix(_SINK)
        sunk = letter.origin.startswith(_SINK) and short in TOPICS
        return topic_name(self._kafka.topic_prefix, short) if sunk else None

    def _elsewhere(self, letter: DeadLetter) -> str:
        """Return what can be done about a letter that is no record of a topic."""
        if letter.partition is not None:
            return (
                f"{letter.origin} is no topic of events of prefix {self._kafka.topic_prefix}: set "
                "RECALIBRA_KAFKA_TOPIC_PREFIX to the prefix it belongs to"
            )
        if letter.origin.startswith(_NOTIFY):
            address = letter.origin.removeprefix(_NOTIFY)
            return (
                f"`recalibra alerts list` has the alert all the same: mend notify.{address} in the "
                f"settings and try it with `recalibra alerts test-channel {address}`"
            )
        if letter.origin == _JOIN:
            return (
                "the join holds the prediction and the outcome already: send a higher revision of "
                "the one whose unit is wrong"
            )
        return (
            f"a row needs the header of its file: mend line {letter.position} of {letter.origin} "
            "and send the file again; its other rows change nothing"
        )

    def _whole(self, letter: DeadLetter) -> tuple[bytes | None, bytes] | None:
        """Return a letter's key and payload, from the origin if cut; None when gone from there."""
        if max(len(letter.payload), len(letter.key or b"")) < DEAD_PAYLOAD_BYTES_MAX:
            return letter.key, letter.payload
        if letter.partition is None:
            return None
        record = self._reader.record(letter.origin, letter.partition, letter.position)
        if record is None:
            return None
        value = record.value() or b""
        # A topic that was made anew has other records at the old offsets.
        same = value[:DEAD_PAYLOAD_BYTES_MAX] == letter.payload
        return (record.key(), value) if same else None

    def _newest_rows(self, pairs: Sequence[Pair]) -> dict[str, int]:
        """Return the newest row_version that the topic of pairs holds of each pair.

        The monitor takes pairs in the order of their topic: an old row that came again would
        undo what was restated since.
        """
        wanted, keys = {pair.pair_id for pair in pairs}, {key_of(pair) for pair in pairs}
        newest: dict[str, int] = {}
        for message in self._reader.records(topic_name(self._kafka.topic_prefix, "pairs")):
            if message.key() not in keys:
                continue
            try:
                pair = self._codec.decode(message.value(), Pair)
            except DataError:  # it has a letter of its own
                continue
            if pair.pair_id in wanted:
                newest[pair.pair_id] = max(pair.row_version, newest.get(pair.pair_id, 0))
        return newest

    def replay(
        self,
        letters: Iterable[DeadLetter],
        on_left: Callable[[DeadLetter, str], None],
        *,
        as_is: bool = False,
        dry_run: bool = False,
    ) -> Replayed:
        """Send letters' payloads to the topics they came from and wait for acknowledgement.

        An event goes under its key and partition, with `dead-letter:ID` in the header that names
        its source. Events have ids, revisions and row versions, so that sending one again changes
        nothing. `on_left` is given each letter that is left and why; `as_is` is as for `assess`;
        `dry_run` sends nothing. Raises as `assess` does.
        """
        waiting, asked, left = iter(letters), 0, 0

        def leave(letter: DeadLetter, reason: str) -> None:
            nonlocal left
            left += 1
            on_left(letter, reason)

        producer = self._producer()
        while chunk := list(islice(waiting, CHUNK_LETTERS)):
            asked += len(chunk)
            for letter, (outgoing, reason) in zip(chunk, self.assess(chunk, as_is), strict=True):
                if outgoing is None:
                    leave(letter, reason)
                elif not dry_run:
                    _send(producer, letter, outgoing, leave)
            producer.poll(0)
        if producer.flush(2 * SEND_TIMEOUT_S):
            raise UnavailableError(
                f"Kafka at {self._kafka.bootstrap_servers} does not answer; replay again when it "
                "does, which does no harm to what was sent"
            )
        return Replayed(asked, asked - left, left)

    def _producer(self) -> Producer:
        return Producer(
            client_settings(self._kafka)
            | {
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "delivery.timeout.ms": int(SEND_TIMEOUT_S * 1_000),
                "message.max.bytes": SENT_BYTES_MAX,
                "queue.buffering.max.kbytes": 65_536,
                "delivery.report.only.error": True,
                "logger": log,
            }
        )


def _send(
    producer: Producer,
    letter: DeadLetter,
    outgoing: Outgoing,
    leave: Callable[[DeadLetter, str], None],
) -> None:
    def reported(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            leave(letter, f"Kafka did not take it: {error.str()}")

    topic, partition, key, value = outgoing
    headers = {SOURCE_HEADER: f"dead-letter:{letter.dead_letter_id}".encode()}
    while True:
        try:
            producer.produce(topic, value, key, partition, on_delivery=reported, headers=headers)
            return
        except BufferError:  # each message is sent or given up in time, which makes room
            producer.poll(0.1)
        except KafkaException as error:
            reported(error.args[0], None)
            return


def is_of_stage(origin: str) -> bool:
    """Return whether an origin without a partition is a stage and not a file."""
    return origin == _JOIN or origin.startswith((_SINK, _NOTIFY))
