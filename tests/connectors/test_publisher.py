"""The publisher on a real broker."""

import socket

import pytest
from kafka_lab import PARTITIONS, Lab, sources

from connectors.publisher import Publisher
from schemas.codec import Codec
from schemas.errors import InvalidValueError, OursError, UnavailableError, UserError
from schemas.events import AssayContext, DeadLetter, Outcome, Prediction
from schemas.partitioner import partition_of
from schemas.table import SchemaTable
from schemas.topics import TOPICS, key_of, topic_name
from schemas.validation import EVENT_BYTES_MAX


def outcome(i: int, molecule_id: str | None = None) -> Outcome:
    molecule_id = molecule_id or f"M{i}"
    return Outcome(f"o{i}", 0, False, molecule_id, "hERG", AssayContext("RB-1"), value=float(i))


def test_every_event_arrives_under_its_key_with_its_source(lab: Lab) -> None:
    prediction = Prediction(
        "p", 2, False, "M1", "hERG", AssayContext(), "m", "1", 0.5, features={"logp": 1.0}
    )
    letter = DeadLetter("id", "P.csv", None, 7, "value", None, "E", "bad", None, b"\xff")
    sent: dict[str, Prediction | Outcome | DeadLetter] = {
        "predictions": prediction,
        "outcomes": outcome(1),
        "dead-letters": letter,
    }
    keys = {"predictions": b"M1\x1fhERG", "outcomes": b"M1\x1fhERG", "dead-letters": b"id"}
    with lab.publisher() as publisher:
        for event in sent.values():
            publisher.publish(event, "csv:P.csv")
        publisher.publish(outcome(2))
    for short_name, event in sent.items():
        first = next(m for m in lab.messages(short_name) if m.headers())
        assert lab.codec.decode(first.value(), TOPICS[short_name]) == event
        assert sources(first) == [b"csv:P.csv"]
        assert first.key() == keys[short_name]
    assert sorted(len(sources(m)) for m in lab.messages("outcomes")) == [0, 1]


def test_partitions_are_those_that_all_other_writers_compute(lab: Lab) -> None:
    events = [outcome(i, f"CHEMBL{i * i} é") for i in range(300)]
    with lab.publisher(partitioner="random") as publisher:
        for event in events:
            publisher.publish(event)
    placed = {m.key(): m.partition() for m in lab.messages("outcomes")}
    assert placed == {key_of(e): partition_of(key_of(e), PARTITIONS) for e in events}
    assert set(placed.values()) == {0, 1, 2}


def test_a_full_queue_makes_the_caller_wait_and_keeps_the_order(lab: Lab) -> None:
    small: dict[str, int] = {"queue.buffering.max.messages": 10, "linger.ms": 0}
    with lab.publisher(**small) as publisher:
        for i in range(400):
            publisher.publish(outcome(i, "M1"))
    events = [lab.codec.decode(m.value(), Outcome) for m in lab.messages("outcomes")]
    assert [e.value for e in events] == list(range(400))


def test_missing_topics_are_named_with_the_remedy(bare_lab: Lab) -> None:
    bare_lab.create(("predictions",))
    with pytest.raises(UserError, match="recalibra setup") as missing:
        bare_lab.publisher().publish(outcome(1))
    for name in ("outcomes", "dead-letters"):
        assert topic_name(bare_lab.prefix, name) in str(missing.value)
    assert topic_name(bare_lab.prefix, "predictions") not in str(missing.value)


def test_a_failed_delivery_is_raised_by_flush_and_counted(bare_lab: Lab) -> None:
    bare_lab.create(("predictions", "outcomes", "dead-letters"), {"max.message.bytes": "100"})
    publisher = bare_lab.publisher(**{"linger.ms": 200})
    for i in range(3):
        publisher.publish(outcome(i, "M" * 900 + "1"))
    with pytest.raises(OursError, match="3 events were not delivered"):
        publisher.flush()
    publisher.flush()
    assert bare_lab.messages("outcomes") == []


def test_an_event_that_no_state_can_hold_is_refused_and_not_sent(lab: Lab) -> None:
    features: dict[str, float | str] = {f"f{i}": "x" * 1_000 for i in range(61)}
    event = Prediction("p", 0, False, "M", "A", AssayContext(), "m", "1", 1.0, features=features)
    with lab.publisher() as publisher:
        with pytest.raises(InvalidValueError, match=str(EVENT_BYTES_MAX)):
            publisher.publish(event)
        publisher.publish(event._replace(features={}))
    assert len(lab.messages("predictions")) == 1


def test_a_failing_block_keeps_its_own_error(lab: Lab) -> None:
    with pytest.raises(ZeroDivisionError), lab.publisher() as publisher:
        publisher.publish(outcome(1))
        raise ZeroDivisionError


def test_a_broker_that_is_away_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        publisher = Publisher(address, "t", Codec(SchemaTable()), timeout_s=0.5)
        with pytest.raises(UnavailableError, match=address):
            publisher.publish(outcome(1))


def test_settings_that_librdkafka_does_not_know_are_refused() -> None:
    with pytest.raises(UserError, match=r"no\.such\.thing"):
        Publisher("127.0.0.1:1", "t", Codec(SchemaTable()), {"no.such.thing": 1})
