"""Keys and partitions: what every producer has to agree with, checked against Kafka's own."""

import hashlib
import unicodedata

import pytest
from confluent_kafka import KafkaError, Message, Producer
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import (
    Alert,
    AlertCommand,
    AssayContext,
    DeadLetter,
    Metric,
    Outcome,
    Pair,
    Prediction,
    Tick,
)
from schemas.partitioner import partition_of
from schemas.topics import (
    SEPARATOR,
    TOPICS,
    address_of,
    addresses_of,
    canonical,
    digest,
    join_key,
    key_of,
    monitor_key,
    topic_name,
)

# org.apache.kafka.common.utils.UtilsTest.testMurmur2
MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}

PREDICTION = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.0)
OUTCOME = Outcome("o", 0, False, "m", "a", AssayContext(), 1.0)


@pytest.mark.parametrize("key", MURMUR2, ids=bytes.decode)
@pytest.mark.parametrize("partitions", [1, 2, 3, 4, 7, 16, 1000])
def test_partitions_are_those_of_javas_default_partitioner(key: bytes, partitions: int) -> None:
    # BuiltInPartitioner.partitionForKey: toPositive(murmur2(key)) % partitions
    assert partition_of(key, partitions) == (MURMUR2[key] & 0x7FFFFFFF) % partitions


def test_partitions_are_those_of_librdkafkas_murmur2_random() -> None:
    # librdkafka's own mock cluster, in this process: only its partitioner is of interest here.
    producer = Producer(
        {
            "bootstrap.servers": "127.0.0.1:1",
            "test.mock.num.brokers": 1,
            "partitioner": "murmur2_random",
        }
    )
    keys = [join_key(f"molecule {i} é", "assay" * (i % 4)) for i in range(60)]
    partitions = len(producer.list_topics("t", timeout=10).topics["t"].partitions)
    assert partitions > 1
    said: dict[bytes, int] = {}

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None
        key, partition = message.key(), message.partition()
        assert isinstance(key, bytes) and partition is not None
        said[key] = partition

    for key in keys:
        producer.produce("t", b"", key, on_delivery=delivered)
    assert producer.flush(20) == 0
    assert len(set(said.values())) > 1
    assert said == {key: partition_of(key, partitions) for key in keys}


@settings(deadline=None)
@given(st.binary(max_size=40), st.integers(1, 64))
def test_a_partition_is_in_range(key: bytes, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions


def test_keys_by_hand() -> None:
    assert join_key("CCO", "logP") == b"CCO\x1flogP"
    assert monitor_key("net", "logP") == b"net\x1flogP"
    assert topic_name("lab", "dead-letters") == "lab.dead-letters"
    pair = Pair("ab", 1, "paired", None, 1.0, 1.0, PREDICTION, OUTCOME)
    metric = Metric("net", "1", "a", None, None, "all", "n", 1.0, None, None, 1, None, 1)
    alert = Alert("x", 1, "open", "net", "1", "a", None, None, "d", None, None, None, None, 0, "")
    letter = DeadLetter("id", "t", 0, 1, None, None, "E", "r", b"k", b"")
    keys = [key_of(event) for event in (PREDICTION, OUTCOME, pair, metric, alert, letter)]
    assert keys == [b"m\x1fa", b"m\x1fa", *[b"net\x1fa"] * 3, b"id"]


def test_what_names_a_lane_stands_there_whatever_its_key() -> None:
    said = AlertCommand("c", "mute", *[None] * 2, "a", *[None] * 4, "ann", "", 5)
    for event in (Tick(2, 5), said._replace(lane=2)):
        assert [address_of(event, n)[1] for n in (1, 2, 4)] == [0, 0, 2]
        assert addresses_of([event], 4) == [address_of(event, 4)]


def test_spellings_of_one_identifier_meet_in_one_lane() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert composed != decomposed
    assert join_key(f" {composed}\t", "a") == join_key(decomposed, "a ")
    assert join_key("CCO", "a") != join_key("cco", "a")
    spelled = PREDICTION._replace(assay_id=f" {decomposed}")
    pair = Pair("ab", 1, "paired", None, 1.0, 1.0, spelled, OUTCOME)
    assert key_of(pair) == monitor_key("net", composed)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_a_canonical_identifier_stays_as_it_is(text: str) -> None:
    once = canonical(text)
    assert canonical(once) == once
    assert unicodedata.is_normalized("NFC", once)


def test_every_topic_holds_one_kind_of_event() -> None:
    assert len(set(TOPICS.values())) == len(TOPICS)


@settings(deadline=None)
@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_different_parts_have_different_digests(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)
    assert len(digest(*one)) == 32
    assert bytes.fromhex(digest(*one))


def test_digests_stay_what_they_are() -> None:
    # Stored ids are derived with it: b2sum -l 128 of "1:p1:o" says the same.
    assert digest("p", "o") == hashlib.blake2b(b"1:p1:o", digest_size=16).hexdigest()
    assert SEPARATOR == "\x1f"
