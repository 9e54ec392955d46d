"""What outside producers send to Kafka: other codecs, other partitioners, and rubbish."""

import struct
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Producer
from pipeline_lab import CODEC, PipelineLab, await_that, outcome, prediction

from schemas.events import DeadLetter, Pair
from schemas.partitioner import partition_of
from schemas.topics import key_of, topic_name
from schemas.validation import EVENT_BYTES_MAX
from streams.supervisor import Supervisor


def send(lab: PipelineLab, short: str, messages: list[dict[str, Any]], **settings: str) -> None:
    producer = Producer({"bootstrap.servers": str(lab.settings.kafka.bootstrap_servers)} | settings)
    for message in messages:
        producer.produce(topic_name(lab.prefix, short), **message)
    assert producer.flush(30) == 0


def paired(lab: PipelineLab, molecule: str) -> bool:
    return any(p.prediction.molecule_id == molecule for p in lab.events("pairs", Pair))


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_compression_codec_is_read(
    joining: tuple[PipelineLab, Supervisor], codec: str
) -> None:
    lab, running = joining
    molecule = f"compressed by {codec}"
    event = prediction(molecule)
    # Many alike, or the producer would not compress at all.
    for short, sent in (("predictions", event), ("outcomes", outcome(molecule))):
        key, value = key_of(sent), CODEC.encode(sent)
        place = partition_of(key, lab.settings.kafka.partitions)
        message = {"key": key, "value": value, "partition": place}
        send(lab, short, [message] * 50, **{"compression.type": codec})
    await_that(lambda: paired(lab, molecule), running)


def test_a_record_on_a_wrong_key_and_partition_still_meets_its_outcome(
    joining: tuple[PipelineLab, Supervisor],
) -> None:
    lab, running = joining
    partitions = lab.settings.kafka.partitions
    for number in range(4):
        molecule = f"stray {number}"
        event = prediction(molecule)
        right = partition_of(key_of(event), partitions)
        wrong = {"key": b"sample-17", "value": CODEC.encode(event)}
        send(lab, "predictions", [wrong | {"partition": (right + 1) % partitions}])
        lab.publish([outcome(molecule)])
        await_that(partial(paired, lab, molecule), running)


RUBBISH: dict[str, tuple[bytes | None, str]] = {
    "no value": (None, "no value"),
    "empty": (b"", "Confluent's zero byte"),
    "text": (b"hello, lab", "Confluent's zero byte"),
    "unknown schema id": (b"\0" + struct.pack(">I", 4711) + b"x", "4711 is not in the table"),
    "another event": (CODEC.encode(outcome("x")), "a Outcome (schema id 2) stands where"),
    "cut short": (CODEC.encode(prediction("x"))[:-9], "does not follow schema id 1"),
    "too long": (CODEC.encode(prediction("x")) + b"!", "left over"),
    "not a number": (CODEC.encode(prediction("x", value=float("nan"))), "not a finite number"),
    "infinite": (CODEC.encode(prediction("x", value=float("inf"))), "not a finite number"),
    "no molecule": (CODEC.encode(prediction(" ")), "molecule_id is empty"),
    "control character": (CODEC.encode(prediction("a\x1fb")), "control character"),
    "half a megabyte": (
        CODEC.encode(prediction("x", features={f"f{i}": "y" * 900 for i in range(400)})),
        f"larger than {EVENT_BYTES_MAX} bytes",
    ),
}


def test_rubbish_goes_to_the_dead_letters_with_its_reason_and_stops_nothing(
    joining: tuple[PipelineLab, Supervisor],
) -> None:
    lab, running = joining
    molecule = "behind the rubbish"
    after = prediction(molecule)
    place = partition_of(key_of(after), lab.settings.kafka.partitions)
    messages = [{"key": b"k", "value": value, "partition": place} for value, _ in RUBBISH.values()]
    send(lab, "predictions", messages)
    lab.publish([after, outcome(molecule)])
    await_that(lambda: paired(lab, molecule), running)
    letters = sorted(lab.events("dead-letters", DeadLetter), key=lambda letter: letter.position)
    assert [letter.payload for letter in letters] == [
        (value or b"")[:500_000] for value, _ in RUBBISH.values()
    ]
    for letter, (name, (_, reason)) in zip(letters, RUBBISH.items(), strict=True):
        assert reason in letter.reason, name
        assert (letter.origin, letter.partition) == (topic_name(lab.prefix, "predictions"), place)
    assert running.process_ids and not lab.said, "no stage ended over it"


def test_a_large_dead_letter_is_said_once_and_stored(storing_lab: PipelineLab) -> None:
    lab = storing_lab
    large = prediction("x", features={f"f{i}": "y" * 900 for i in range(400)})
    place = partition_of(key_of(large), lab.settings.kafka.partitions)
    message = {"key": b"k", "value": CODEC.encode(large), "partition": place}
    send(lab, "predictions", [message])
    send(lab, "dead-letters", [{"key": b"k", "value": b"no letter at all", "partition": place}])
    stored = "SELECT count() FROM dead_letters"
    with lab.stages("join", "sink") as running:
        await_that(lambda: lab.ask(stored) == [(1,)], running)
        # What follows the letter's storing would be a letter of the letter, and so on.
        lab.publish([prediction("after"), outcome("after")])
        await_that(lambda: lab.ask("SELECT count() FROM pairs") == [(1,)], running)
    assert len(lab.committed("dead-letters")) == 2, "the letter, and what was no letter"
