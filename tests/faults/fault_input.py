"""The input of one seed: the lab's events, doubled, shuffled and spoiled, as Kafka gets them."""

import struct
from random import Random
from typing import NamedTuple

from fault_plan import Plan
from lab_events import (
    ASSAYS,
    HOUR_US,
    LABELS,
    MODELS,
    STORIES,
    Lab,
    Measurement,
    Place,
    changes,
    other_dimension,
)

from schemas.codec import Codec
from schemas.events import AssayContext, Outcome, Prediction
from schemas.partitioner import partition_of
from schemas.table import SchemaTable
from schemas.topics import SHORT_NAMES, key_of

CODEC = Codec(SchemaTable())
DUPLICATES_PART = 0.10
POISON_PART = 0.01
STRAY_PART = 0.02
HOT_PREDICTIONS = 2


class Sent(NamedTuple):
    """One message as it is produced; `event` None: poison, which must become a dead letter."""

    short: str
    partition: int
    key: bytes
    value: bytes | None
    event: Measurement | None


class Input(NamedTuple):
    """All messages in the order in which they are sent, and the keys that are hot."""

    messages: list[Sent]
    hot: Place


def _stories(lab: Lab, events: int) -> None:
    """Fill the lab with so many events, each molecule in one or more assays."""
    makers = [maker for maker, _ in STORIES]
    weights = [weight for _, weight in STORIES]
    number = 0
    while len(lab.events) < events:
        number += 1
        molecule = f"mol{number}" if number % 50 else f"caf\u00e9 {number}"
        place = Place(molecule, lab.rng.choice(ASSAYS))
        maker = lab.rng.choices(makers, weights)[0]
        told = maker(lab, place)
        if maker is not other_dimension:
            told += [later for event in told for later in changes(lab, event)]
        lab.events += told


def _hot_key(lab: Lab, outcomes: int) -> Place:
    """One control compound measured over and over; its predictions come behind the outcomes."""
    place = Place("control", "logP")
    for _ in range(outcomes):
        lab.events.append(lab.outcome(place, lab.measured_at(), lab.context()))
    made_at = lab.today_us - 210 * 24 * HOUR_US
    for number in range(HOT_PREDICTIONS):
        prediction = lab.prediction(place, MODELS[number], made_at, AssayContext())
        lab.last.append(prediction._replace(label=LABELS[number]))
    return place


def _written_otherwise(event: Measurement, rng: Random) -> Measurement:
    """Return the event with its identifiers as another system may write them."""
    if rng.random() < 0.01:
        return event._replace(assay_id=f" {event.assay_id}")
    return event


def _poison(rng: Random, number: int, like: Measurement) -> bytes | None:
    """Return bytes that no stage can take in."""
    good = CODEC.encode(like)
    other: Measurement
    if isinstance(like, Prediction):
        other = Outcome(like.event_id, 0, False, "m", "a", AssayContext(), 1.0)
    else:
        other = Prediction(like.event_id, 0, False, "m", "a", AssayContext(), "net", "1", 1.0)
    ways: tuple[bytes | None, ...] = (
        None,
        b"",
        f"rubbish {number}".encode(),
        b"\0" + struct.pack(">I", 4_711) + str(number).encode(),
        CODEC.encode(other),
        good[:-9],
        good + b"!",
        CODEC.encode(like._replace(value=float("nan"))),
        CODEC.encode(like._replace(molecule_id=" ")),
        CODEC.encode(like._replace(value=None, label=None, revision=-1)),
    )
    return rng.choice(ways)


def _message(event: Measurement, partitions: int) -> Sent:
    key = key_of(event)
    short = SHORT_NAMES[type(event)]
    return Sent(short, partition_of(key, partitions), key, CODEC.encode(event), event)


def _astray(sent: Sent, partitions: int, rng: Random) -> Sent:
    """Return the message as a producer with another key and partitioner sends it."""
    away = (sent.partition + rng.randrange(1, partitions)) % partitions
    return sent._replace(key=f"sample-{rng.randrange(1_000)}".encode(), partition=away)


def make_input(plan: Plan, today_us: int) -> Input:
    """Return the input of a plan, dated relative to the start of a day (microseconds, UTC)."""
    rng = Random(f"input {plan.seed}")
    lab = Lab(rng, today_us)
    hot = _hot_key(lab, plan.hot_outcomes)
    _stories(lab, plan.events)
    events = [_written_otherwise(event, rng) for event in lab.events]
    events += rng.choices(events, k=int(DUPLICATES_PART * len(events)))
    rng.shuffle(events)
    # In the last quarter: by then most of the hot key's outcomes are there.
    for event in lab.last:
        events.insert(rng.randrange(len(events) * 3 // 4, len(events)), event)
    messages: list[Sent] = []
    for number, event in enumerate(events):
        sent = _message(event, plan.partitions)
        if rng.random() < STRAY_PART:
            sent = _astray(sent, plan.partitions, rng)
        messages.append(sent)
        if rng.random() < POISON_PART:
            partition = rng.randrange(plan.partitions)
            spoilt = _poison(rng, number, event)
            messages.append(Sent(sent.short, partition, sent.key, spoilt, None))
    return Input(messages, hot)
