"""An aborted transaction is seen by no stage, no sink and no reader of ours."""

import uuid
from collections.abc import Sequence

from confluent_kafka import Producer
from pipeline_lab import CODEC, PipelineLab, await_that, outcome, prediction

from processors.pairing import pair_of
from schemas.events import Alert, Coverage, DeadLetter, Event, LatePair, Metric
from schemas.partitioner import partition_of
from schemas.topics import SHORT_NAMES, TOPICS, key_of, topic_name

ASSAY = "a"


def transaction(lab: PipelineLab, events: Sequence[Event], commit: bool) -> None:
    """Write events in one transaction, which the broker holds when it is ended."""
    kafka = lab.settings.kafka
    client = {
        "bootstrap.servers": str(kafka.bootstrap_servers),
        "transactional.id": uuid.uuid4().hex,
    }
    producer = Producer(client)
    producer.init_transactions(30)
    producer.begin_transaction()
    for event in events:
        key = key_of(event)
        place = partition_of(key, kafka.partitions)
        topic = topic_name(lab.prefix, SHORT_NAMES[type(event)])
        producer.produce(topic, CODEC.encode(event), key, place)
    producer.flush(30)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def one_of_each(molecule: str) -> list[Event]:
    """An event on every topic, all of a model named after the molecule."""
    p = prediction(molecule, model_id=molecule)
    o = outcome(molecule)
    return [
        p,
        o,
        pair_of(p._replace(event_id="q"), o._replace(event_id="r"), "paired", 1),
        LatePair("ab" * 16, 1, False, p, o),
        Coverage(molecule, "1", ASSAY, 9, 5, 3, 1, 1),
        Metric(molecule, "9", ASSAY, None, None, "all", "n", 7.0, None, None, 7, None, 1),
        Alert(
            "x", 1, "open", molecule, "9", ASSAY, None, None, "t", None, None, None, None, 1, "it"
        ),
        DeadLetter(uuid.uuid4().hex, molecule, 0, 0, None, None, "E", "r", b"k", b"p"),
    ]


def test_an_aborted_transaction_is_never_seen(storing_lab: PipelineLab) -> None:
    lab = storing_lab
    with lab.stages("join", "monitor", "sink") as running:
        transaction(lab, one_of_each("aborted"), commit=False)
        transaction(lab, one_of_each("kept"), commit=True)
        views = ("predictions", "outcomes", "pairs", "late", "coverage", "accuracy", "alerts")
        scored = (
            "SELECT n FROM accuracy WHERE model_id = 'kept' AND model_version = '1' "
            "AND window = 'all' AND metric = 'rmse' AND segment_field IS NULL"
        )
        # The pair that was sent, and that of the prediction and the outcome.
        await_that(lambda: lab.ask(scored) == [(2,)], running)
        await_that(lambda: lab.ask("SELECT origin FROM dead_letters") == [("kept",)], running)
        for view in views:
            await_that(lambda view=view: lab.ask(f"SELECT count() FROM {view}") != [(0,)], running)
            name = "molecule_id" if view in ("predictions", "outcomes") else "model_id"
            assert lab.ask(f"SELECT DISTINCT {name} FROM {view}") == [("kept",)], view
    for short in set(TOPICS) - {"ticks", "alert-commands"}:
        records = lab.committed(short)
        assert records
        assert not [value for *_, value in records if b"aborted" in value], short
