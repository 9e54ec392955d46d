"""What `dead-letters list` and `show` say about the letters of a topic."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer
from dead_letter_lab import FIRST_SAID_S, letter, produce, records, run, say
from hypothesis import given
from hypothesis import strategies as st
from pipeline_lab import CODEC, PipelineLab, prediction

from schemas.events import DeadLetter
from schemas.topics import topic_name
from streams.dead_letters import DeadLetters, Said


def test_the_list_is_newest_first_and_counts_a_letter_once(lab: PipelineLab) -> None:
    letters = [letter(lab, b"x", position=number) for number in range(6)]
    row = letter(lab, b"SM02,logP,NaN\r\n", origin="P.csv", partition=None, position=13, key=None)
    say(lab, letters[0], *letters, row)
    found = json.loads(run(lab, "list", "--json", "--limit", "3").stdout)
    assert (found["total"], found["unreadable"]) == (7, 0)
    assert [said["id"] for said in found["letters"]] == [
        said.dead_letter_id for said in (row, letters[5], letters[4])
    ]
    said_at = datetime.fromtimestamp(FIRST_SAID_S + 7, UTC)
    assert found["letters"][0]["at"] == said_at.isoformat(timespec="milliseconds")
    only = run(lab, "list", "--origin", "P.csv")
    assert "P.csv, line 13" in only.stdout and row.dead_letter_id[:12] in only.stdout
    assert only.stdout.endswith("1 dead letter from P.csv\n")
    assert "schema id 1" in run(lab, "list").stdout
    by_topic = run(lab, "list", "--origin", letters[0].origin, "--limit", "2").stdout
    assert by_topic.endswith(f"6 dead letters from {letters[0].origin}, the newest 2 shown\n")


def test_an_empty_topic_is_no_error_and_a_missing_one_is_a_sentence(lab: PipelineLab) -> None:
    assert run(lab, "list").stdout == "0 dead letters\n"
    everything = run(lab, "replay", "--all")
    assert (everything.returncode, everything.stdout) == (0, "0 dead letters: 0 sent, 0 left\n")
    kafka = lab.settings.kafka.model_copy(update={"topic_prefix": "nobody"})
    lab.settings = lab.settings.model_copy(update={"kafka": kafka})
    done = run(lab, "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no topic nobody.dead-letters" in done.stderr and done.stderr.count("\n") == 1


def test_an_open_transaction_is_not_waited_for_and_rubbish_is_counted(lab: PipelineLab) -> None:
    said = letter(lab, b"x")
    say(lab, said)
    rubbish = produce(lab, "dead-letters", [{"value": b"hello", "partition": 2}])
    servers = {"bootstrap.servers": str(lab.settings.kafka.bootstrap_servers)}
    producer = Producer(servers | {"transactional.id": uuid.uuid4().hex})
    producer.init_transactions(30)
    topic = topic_name(lab.prefix, "dead-letters")
    for partition in range(4):
        producer.begin_transaction()
        producer.produce(topic, CODEC.encode(letter(lab, b"y")), b"k", partition)
        producer.flush(30)
        producer.abort_transaction(30)
    producer.begin_transaction()
    producer.produce(topic, CODEC.encode(letter(lab, b"z")), b"k", 1)
    producer.flush(30)
    found = json.loads(run(lab, "list", "--json").stdout)
    producer.abort_transaction(30)
    assert [row["id"] for row in found["letters"]] == [said.dead_letter_id]
    assert (found["total"], found["unreadable"]) == (1, len(rubbish))


def test_what_cannot_be_named_is_a_sentence_and_sends_nothing(lab: PipelineLab) -> None:
    payload = CODEC.encode(prediction("a"))
    alike = [letter(lab, payload, dead_letter_id=f"abc{n}") for n in range(3)]
    say(lab, *alike, letter(lab, payload, dead_letter_id="abc"))
    for arguments, sentence in (
        (("show", "ff"), "no dead letter's id begins with 'ff'"),
        (("show", "ab"), "'ab' begins the ids of several dead letters (abc, abc0, abc1, …)"),
        (("replay", "abc0", "ff"), "no dead letter's id begins with 'ff'"),
        (("replay", "abc0", "--origin", "outcomes"), "no dead letter's id begins with 'abc0'"),
        (("replay",), "nothing is given to replay"),
        (("replay", "--origin", "predictions"), "nothing is given to replay"),
        (("replay", "abc0", "--all"), "not both"),
    ):
        done = run(lab, *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert sentence in done.stderr and done.stderr.count("\n") == 1
    assert json.loads(run(lab, "show", "abc", "--json").stdout)["id"] == "abc"
    assert records(lab, "predictions") == []


def test_a_terminal_is_given_nothing_to_obey(lab: PipelineLab) -> None:
    hostile = letter(
        lab, b"\x1b]0;owned\x07 and [/bold] text", reason="\x1b[2J[/red]", origin="[red].csv",
        partition=None, key=b"\xff\x00",
    )  # fmt: skip
    say(lab, hostile)
    for arguments in (("list",), ("show", hostile.dead_letter_id), ("replay", "--all")):
        done = run(lab, *arguments)
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout + done.stderr
    assert "\\x1b[2J[/red]" in run(lab, "list").stdout
    shown = json.loads(run(lab, "show", hostile.dead_letter_id, "--json").stdout)
    assert shown["payload"] == {"bytes": len(hostile.payload), "text": hostile.payload.decode()}
    assert shown["key"] == {"hex": "ff00"}


def test_a_long_payload_is_shown_by_its_first_2000_bytes(lab: PipelineLab) -> None:
    text, binary = "é" * 2_000, b"\xff" * 5_000
    say(
        lab,
        letter(lab, b"x" + text.encode(), dead_letter_id="text"),
        letter(lab, binary, dead_letter_id="binary"),
    )
    shown = json.loads(run(lab, "show", "text", "--json").stdout)["payload"]
    assert shown == {"bytes": 4_001, "text": "x" + "é" * 999}
    shown = json.loads(run(lab, "show", "binary", "--json").stdout)["payload"]
    assert shown == {"bytes": 5_000, "hex": "ff" * 2_000}


class Told(DeadLetters):
    """Letters given by hand instead of by Kafka."""

    def __init__(self, told: list[Said]) -> None:
        self.told = told

    def said(self, origin: object = None, progress: object = None) -> Iterator[Said]:
        return iter(self.told)


@given(
    st.lists(st.integers(0, 30), max_size=60),
    st.integers(1, 10),
    st.integers(1, 5),
)
def test_pruning_never_loses_a_letter_that_is_shown(
    ids: list[int], limit: int, pruned_every: int
) -> None:
    made = DeadLetter("", "o", 0, 0, None, None, "e", "r", None, b"p")
    told = [Said(made._replace(dead_letter_id=str(i)), at) for at, i in enumerate(ids)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.dead_letters.PRUNED_EVERY_LETTERS", pruned_every)
        total, newest = Told(told).newest(limit)
    last = {i: at for at, i in enumerate(ids)}
    expected = sorted(last, key=lambda i: -last[i])[:limit]
    assert total == len(last)
    assert [(s.letter.dead_letter_id, s.at_ms) for s in newest] == [
        (str(i), last[i]) for i in expected
    ]
