"""Topic names, message keys and the partitioner: all that an outside producer has to agree with.

A key is UTF-8 text parts joined by the unit separator (U+001F), which no identifier may hold.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

from schemas.events import (
    Alert,
    AlertCommand,
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
from schemas.partitioner import partition_of, partitions_of

SEPARATOR = "\x1f"

TOPICS: dict[str, type[Event]] = {
    "predictions": Prediction,
    "outcomes": Outcome,
    "pairs": Pair,
    "late": LatePair,
    "coverage": Coverage,
    "metrics": Metric,
    "alerts": Alert,
    "alert-commands": AlertCommand,
    "dead-letters": DeadLetter,
    "ticks": Tick,
}

SHORT_NAMES: dict[type[Event], str] = {event_type: short for short, event_type in TOPICS.items()}


def topic_name(prefix: str, short_name: str) -> str:
    """Return the full name of a topic: the lab's prefix, a dot, the short name."""
    return f"{prefix}.{short_name}"


def canonical(text: str) -> str:
    """Return an identifier as keys use it: Unicode NFC, no blanks at the ends; case is kept."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.strip()


@lru_cache(20_000)
def join_key(molecule_id: str, assay_id: str) -> bytes:
    """Return the key of predictions and outcomes: all contexts of a molecule meet in one lane."""
    return f"{canonical(molecule_id)}{SEPARATOR}{canonical(assay_id)}".encode()


@lru_cache(20_000)
def monitor_key(model_id: str, assay_id: str) -> bytes:
    """Return the key of what is about a model in an assay: all its segments meet in one lane."""
    return f"{model_id}{SEPARATOR}{canonical(assay_id)}".encode()


def key_of(event: Event) -> bytes:
    """Return the message key an event must carry."""
    if isinstance(event, (Prediction, Outcome)):
        return join_key(event.molecule_id, event.assay_id)
    if isinstance(event, (Pair, LatePair)):
        return monitor_key(event.prediction.model_id, event.prediction.assay_id)
    if isinstance(event, (Metric, Alert, Coverage)):
        return monitor_key(event.model_id, event.assay_id)
    if isinstance(event, (Tick, AlertCommand)):
        return str(event.lane).encode()
    return event.dead_letter_id.encode()


_partition_of = lru_cache(10_000)(partition_of)


def address_of(event: Event, partitions: int) -> tuple[bytes, int]:
    """Return an event's key and the partition it must stand in: its key's, or the lane it names."""
    key = key_of(event)
    if isinstance(event, (Tick, AlertCommand)):
        return key, event.lane % partitions
    return key, _partition_of(key, partitions)


def addresses_of(events: Sequence[Event], partitions: int) -> list[tuple[bytes, int]]:
    """Return what `address_of` does for each of many events of one type."""
    if not events or isinstance(events[0], (Tick, AlertCommand)):
        return [address_of(event, partitions) for event in events]
    keys = [key_of(event) for event in events]
    return list(zip(keys, partitions_of(keys, partitions), strict=True))


def digest(*parts: str) -> str:
    """Return a 32-character identity derived from text parts, each with its length in front."""
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
