"""Topic names, message keys and the partitioner: all that an outside producer has to agree with.

A key is UTF-8 text parts joined by the unit separator (U+001F), which no identifier may hold.
"""

import unicodedata
from functools import lru_cache
from hashlib import blake2b

from aiokafka.partitioner import murmur2

from schemas.events import (
    Alert,
    Coverage,
    DeadLetter,
    Event,
    LatePair,
    Metric,
    Outcome,
    Pair,
    Prediction,
    Tick,
)

SEPARATOR = "\x1f"

TOPICS: dict[str, type[Event]] = {
    "predictions": Prediction,
    "outcomes": Outcome,
    "pairs": Pair,
    "late": LatePair,
    "coverage": Coverage,
    "metrics": Metric,
    "alerts": Alert,
    "dead-letters": DeadLetter,
    "ticks": Tick,
}

SHORT_NAMES: dict[type[Event], str] = {event_type: short for short, event_type in TOPICS.items()}


def topic_name(prefix: str, short_name: str) -> str:
    """Return the full name of a topic: the lab's prefix, a dot, the short name."""
    return f"{prefix}.{short_name}"


def canonical(text: str) -> str:
    """Return an identifier as keys use it: Unicode NFC, no blanks at the ends; case is kept."""
    return unicodedata.normalize("NFC", text).strip()


def join_key(molecule_id: str, assay_id: str) -> bytes:
    """Return the key of predictions and outcomes: all contexts of a molecule meet in one lane."""
    return f"{canonical(molecule_id)}{SEPARATOR}{canonical(assay_id)}".encode()


def monitor_key(model_id: str, assay_id: str) -> bytes:
    """Return the key of what is about a model in an assay: all its segments meet in one lane."""
    return f"{model_id}{SEPARATOR}{assay_id}".encode()


def key_of(event: Event) -> bytes:
    """Return the message key an event must carry."""
    if isinstance(event, (Prediction, Outcome)):
        return join_key(event.molecule_id, event.assay_id)
    if isinstance(event, (Pair, LatePair)):
        return monitor_key(event.prediction.model_id, canonical(event.prediction.assay_id))
    if isinstance(event, (Metric, Alert, Coverage)):
        return monitor_key(event.model_id, event.assay_id)
    if isinstance(event, Tick):
        return str(event.lane).encode()
    return event.dead_letter_id.encode()


@lru_cache(100_000)
def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key, 0 to partitions − 1, as Java's default partitioner does."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % partitions


def partition_of_event(event: Event, partitions: int) -> int:
    """Return the partition an event must stand in: that of its key, or a tick's own lane."""
    if isinstance(event, Tick):
        return event.lane % partitions
    return partition_of(key_of(event), partitions)


def digest(*parts: str) -> str:
    """Return a 32-character identity derived from text parts, each with its length in front."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
