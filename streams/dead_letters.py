"""The topic of dead letters, read; `dead_letter_replay` sends them again."""

import heapq
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from connectors.occurrences import Occurrences
from schemas.codec import Codec
from schemas.errors import DataError, UserError
from schemas.events import DeadLetter, Event
from schemas.topics import TOPICS, digest, topic_name
from streams.settings.services import KafkaSettings
from streams.topic_reader import Progress, TopicReader

MATCHES_NAMED_MAX = 3
PRUNED_EVERY_LETTERS = 1_000

log = logging.getLogger(__name__)


class Said(NamedTuple):
    """A letter, and when it was said: milliseconds since 1970 in UTC, None when not known."""

    letter: DeadLetter
    at_ms: int | None


class Listing(NamedTuple):
    """The newest letters, newest first, of `total` different ones."""

    total: int
    newest: list[Said]


class DeadLetters:
    """The dead letters of one lab; every method raises UnavailableError when Kafka is away.

    `unreadable` counts the records of the last reading that are no dead letters.
    """

    def __init__(self, kafka: KafkaSettings, codec: Codec) -> None:
        """Prepare; raises UserError without an address."""
        self._prefix = kafka.topic_prefix
        self._codec = codec
        self._reader = TopicReader(kafka)
        self.unreadable = 0

    def said(self, origin: str | None = None, progress: Progress | None = None) -> Iterator[Said]:
        """Yield every letter as often as it was said, each partition in its order.

        `origin` is a topic, its short name or a file name; None means every origin. Raises
        UserError when the lab has no topic of dead letters.
        """
        self.unreadable = 0
        origins = {origin, topic_name(self._prefix, origin or "")}
        topic = topic_name(self._prefix, "dead-letters")
        for message in self._reader.records(topic, progress=progress):
            try:
                letter = self._codec.decode(message.value(), DeadLetter)
            except DataError as error:
                self.unreadable += 1
                log.warning("%s holds what is no dead letter: %s", _place(message), error)
                continue
            if origin is None or letter.origin in origins:
                kind, at_ms = message.timestamp()
                yield Said(letter, None if kind == TIMESTAMP_NOT_AVAILABLE else at_ms)

    def newest(
        self, limit: int, origin: str | None = None, progress: Progress | None = None
    ) -> Listing:
        """Return the letters said last, at most `limit`; each counts once, as it was said last."""
        total, kept = 0, dict[str, Said]()
        with Occurrences() as occurrences:
            for said in self.said(origin, progress):
                total += not occurrences.next(_identity(said.letter))
                # Only what is shown: neither key nor payload, which may be large.
                letter = said.letter._replace(key=None, payload=b"")
                kept[letter.dead_letter_id] = said._replace(letter=letter)
                if len(kept) >= limit + PRUNED_EVERY_LETTERS:
                    kept = {s.letter.dead_letter_id: s for s in _latest(limit, kept.values())}
        return Listing(total, _latest(limit, kept.values()))

    def find(
        self,
        prefixes: Sequence[str],
        origin: str | None = None,
        progress: Progress | None = None,
    ) -> list[Said]:
        """Return the one letter whose id begins with each prefix, once, as it was said last.

        Raises UserError for a prefix that begins no id or several; a whole id is never ambiguous.
        """
        matches: dict[str, dict[str, Said]] = {prefix: {} for prefix in prefixes}
        for said in self.said(origin, progress):
            name = said.letter.dead_letter_id
            for prefix, found in matches.items():
                room = name in found or len(found) <= MATCHES_NAMED_MAX or name == prefix
                if name.startswith(prefix) and room:
                    found[name] = said
        chosen = {_only(prefix, found): found for prefix, found in matches.items()}
        return [found[name] for name, found in chosen.items()]

    def every(
        self, origin: str | None = None, progress: Progress | None = None
    ) -> Iterator[DeadLetter]:
        """Yield every letter once; raises as `said` does."""
        with Occurrences() as occurrences:
            for said in self.said(origin, progress):
                if not occurrences.next(_identity(said.letter)):
                    yield said.letter

    def decoded(self, payload: bytes) -> Event | None:
        """Return the event in a payload, whichever it is, or None when it holds none."""
        for event_type in TOPICS.values():
            try:
                return self._codec.decode(payload, event_type)
            except DataError:
                continue
        return None


def _identity(letter: DeadLetter) -> bytes:
    return bytes.fromhex(digest(letter.dead_letter_id))


def _latest(limit: int, letters: Iterable[Said]) -> list[Said]:
    return heapq.nlargest(
        limit, letters, key=lambda s: (s.at_ms or 0, s.letter.position, s.letter.dead_letter_id)
    )


def _only(prefix: str, found: dict[str, Said]) -> str:
    if prefix in found:
        return prefix
    if not found:
        raise UserError(
            f"no dead letter's id begins with {prefix!r}; `recalibra dead-letters list` shows the "
            "newest"
        )
    if len(found) > 1:
        names = ", ".join(name[:16] for name in sorted(found)[:MATCHES_NAMED_MAX])
        more = ", …" if len(found) > MATCHES_NAMED_MAX else ""
        raise UserError(
            f"{prefix!r} begins the ids of several dead letters ({names}{more}); give more of it"
        )
    return next(iter(found))


def _place(message: Message) -> str:
    return f"{message.topic()}, partition {message.partition()}, offset {message.offset()},"
