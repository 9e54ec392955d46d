"""Commands about alerts on a broker: a copy for every lane, and what is none says so."""

import pytest
from confluent_kafka import Producer
from pipeline_lab import CODEC, PipelineLab, await_that, outcome, prediction

from schemas.errors import UserError
from schemas.events import Alert, AlertCommand, DeadLetter
from schemas.topics import topic_name
from streams.alert_commands import send
from streams.kafka_access import client_settings

MUTE = AlertCommand("c1", "mute", *[None] * 2, "a", *[None] * 4, "ann", "moving house", 5)


def test_every_lane_gets_its_copy_and_what_is_no_command_a_dead_letter(lab: PipelineLab) -> None:
    lanes = lab.settings.kafka.partitions
    assert send(lab.settings, MUTE) == lanes
    found = {p: CODEC.decode(value, AlertCommand) for p, _, _, value in lab.committed(COMMANDS)}
    assert found == {lane: MUTE._replace(lane=lane) for lane in range(lanes)}
    with pytest.raises(UserError, match="allowed are acknowledge"):
        send(lab.settings, MUTE._replace(kind="hush"))
    producer = Producer(client_settings(lab.settings.kafka))
    topic = topic_name(lab.prefix, COMMANDS)
    producer.produce(topic, CODEC.encode(MUTE._replace(by="")), partition=1)
    # One that stands in another lane than it names is moved there.
    producer.produce(topic, CODEC.encode(MUTE._replace(command_id="c2", lane=3)), partition=0)
    assert producer.flush(20) == 0
    with lab.stages("monitor") as running:
        await_that(lambda: bool(lab.committed("dead-letters")), running)
        await_that(lambda: len(lab.committed(COMMANDS)) == lanes + 3, running)
    (letter,) = lab.events("dead-letters", DeadLetter)
    assert (letter.origin, letter.partition, letter.column) == (topic, 1, "by")
    # Partitions are read in any order.
    places = sorted(p for p, _, _, value in lab.committed(COMMANDS) if b"c2" in value)
    assert places == [0, 3]


def test_a_mute_that_came_first_holds_for_models_that_come_later(lab: PipelineLab) -> None:
    send(lab.settings, MUTE)
    with lab.stages("join", "monitor") as running:
        await_that(lambda: lab.end("monitor-changelog") > 0, running)
        lab.publish([prediction(f"M{n}", model_id=f"net {n % 9}") for n in range(20)])
        lab.publish([outcome(f"M{n}") for n in range(20)])
        await_that(lambda: len(lab.events("alerts", Alert)) == 9, running)
    rows = lab.events("alerts", Alert)
    assert {row.state for row in rows} == {"learning"}
    assert all(row.muted_until is not None for row in rows)


COMMANDS = "alert-commands"
