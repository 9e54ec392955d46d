"""Dead letters as a person and a script meet them, on the real broker."""

import io
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Message, Producer
from hypothesis import given
from hypothesis import strategies as st
from pipeline_lab import CODEC, PipelineLab, await_that

from schemas.events import AssayContext, DeadLetter, Outcome, Pair, Prediction
from schemas.topics import key_of, partition_of, topic_name
from schemas.validation import EVENT_BYTES_MAX
from streams.addresses import as_environment
from streams.cli import main
from streams.dead_letters import DeadLetters, Said
from streams.lane import DEAD_PAYLOAD_BYTES_MAX
from streams.local.stack import LocalStack
from streams.settings import REPOSITORY
from streams.supervisor import Supervisor
from streams.topic_reader import TopicReader


@pytest.fixture(scope="module")
def joining(
    stack: LocalStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PipelineLab, Supervisor]]:
    """One running join for the tests that need one."""
    lab = PipelineLab(stack, tmp_path_factory.mktemp("joining"))
    with lab.stages("join") as running:
        yield lab, running


def prediction(molecule: str, **changes: object) -> Prediction:
    event = Prediction(uuid.uuid4().hex, 0, False, molecule, "a", AssayContext(), "net", "1", 1.5)
    return event._replace(**changes)  # type: ignore[arg-type]


def outcome(molecule: str) -> Outcome:
    return Outcome(uuid.uuid4().hex, 0, False, molecule, "a", AssayContext("L1"), 1.0)


def a_pair(row_version: int) -> Pair:
    one, other = prediction("paired", event_id="p"), outcome("paired")._replace(event_id="o")
    return Pair("pair-1", row_version, "paired", None, 1.5, 1.0, one, other)


def letter(lab: PipelineLab, payload: bytes, **changes: object) -> DeadLetter:
    """A letter about a record of the predictions, as a lane writes it."""
    made = DeadLetter(
        dead_letter_id=uuid.uuid4().hex,
        origin=topic_name(lab.prefix, "predictions"),
        partition=0,
        position=10**6,
        column=None,
        schema_id=None,
        error="UnknownSchemaError",
        reason="schema id 1 is not in the table",
        key=b"k",
        payload=payload,
    )
    return made._replace(**changes)  # type: ignore[arg-type]


def produce(lab: PipelineLab, short: str, messages: list[dict[str, Any]]) -> list[Message]:
    """Produce messages and return them as the broker took them."""
    taken: list[Message] = []
    limit = {"message.max.bytes": 2_000_000, "compression.type": "gzip"}
    producer = Producer({"bootstrap.servers": str(lab.settings.kafka.bootstrap_servers)} | limit)
    for message in messages:
        report = {"on_delivery": lambda error, message: taken.append(message)}
        producer.produce(topic_name(lab.prefix, short), **message, **report)
    assert producer.flush(30) == 0
    assert all(message.error() is None for message in taken)
    return taken


def say(lab: PipelineLab, *letters: DeadLetter) -> None:
    """Write letters, each a second after the one before it."""
    messages = [
        {
            "key": key_of(said),
            "value": CODEC.encode(said),
            "partition": partition_of(key_of(said), lab.settings.kafka.partitions),
            "timestamp": 1_700_000_000_000 + 1_000 * number,
        }
        for number, said in enumerate(letters)
    ]
    produce(lab, "dead-letters", messages)


class Done(NamedTuple):
    """How a call of the program ended."""

    returncode: int
    stdout: str
    stderr: str


def run(lab: PipelineLab, *arguments: str) -> Done:
    """Call the program as `main` does, in this process, which saves its start."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["recalibra", "dead-letters", *arguments])
        for name, value in environment(lab).items():
            patch.setenv(name, value)
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())


def environment(lab: PipelineLab) -> dict[str, str]:
    """The lab's settings, with a ClickHouse that is not there."""
    away = {"RECALIBRA_CLICKHOUSE_HOST": "127.0.0.1", "RECALIBRA_CLICKHOUSE_PORT": "9"}
    found = {name: value for name, value in as_environment(lab.settings).items() if value}
    return found | away | {"COLUMNS": "200"}


def records(lab: PipelineLab, short: str) -> list[Message]:
    return list(TopicReader(lab.settings.kafka).records(topic_name(lab.prefix, short)))


def test_every_command_explains_itself_with_examples(lab: PipelineLab) -> None:
    for arguments in ((), ("list",), ("show",), ("replay",)):
        shown = run(lab, *arguments, "--help")
        assert shown.returncode == 0
        assert f"recalibra {' '.join(('dead-letters', *arguments))}" in shown.stdout
        assert "Example" in shown.stdout


def test_a_value_that_is_wrong_stays_rejected_with_its_reason(
    joining: tuple[PipelineLab, Supervisor],
) -> None:
    lab, running = joining
    event = prediction("not a number", value=float("nan"))
    lab.publish([event])
    await_that(lambda: lab.events("dead-letters", DeadLetter) != [], running)
    before = len(records(lab, "predictions"))

    (listed,) = json.loads(run(lab, "list", "--json", "--origin", "predictions").stdout)["letters"]
    assert listed["origin"] == topic_name(lab.prefix, "predictions")
    assert (listed["error"], listed["column"]) == ("InvalidValueError", "value")
    assert "not a finite number" in listed["reason"]

    shown = json.loads(run(lab, "show", listed["id"][:8], "--json").stdout)
    assert (shown["position"], shown["schema_id"]) == (listed["position"], 1)
    assert shown["key"] == {"text": key_of(event).decode()}
    assert shown["payload"]["event"] == "Prediction"
    assert shown["payload"]["record"]["value"] == "nan"
    assert shown["payload"]["record"]["event_id"] == event.event_id
    assert not shown["replayable"] and "not a finite number" in shown["advice"]

    done = run(lab, "replay", listed["id"][:8])
    assert done.returncode == 1
    assert done.stdout == "1 dead letter: 0 sent, 1 left\n"
    assert f"{listed['id'][:12]} is left" in done.stderr and "not a finite" in done.stderr
    assert len(records(lab, "predictions")) == before

    called = subprocess.run(
        [sys.executable, "-m", "streams.cli", "dead-letters", "replay", "--all"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=REPOSITORY,
        env={"PATH": os.defpath, "HOME": "/nonexistent"} | environment(lab),
        check=False,
    )
    assert (called.returncode, called.stdout, called.stderr) == done


def test_what_can_be_taken_in_now_is_paired_once_however_often_it_is_replayed(
    joining: tuple[PipelineLab, Supervisor],
) -> None:
    lab, running = joining
    event, measured = prediction("mended"), outcome("mended")
    mended = letter(lab, CODEC.encode(event), key=b"of a foreign producer", partition=3)
    say(lab, mended)
    lab.publish([measured])
    assert "can be taken in now" in run(lab, "show", mended.dead_letter_id).stdout

    for times in (1, 2):
        done = run(lab, "replay", mended.dead_letter_id[:10])
        assert (done.returncode, done.stdout) == (0, "1 dead letter: 1 sent, 0 left\n"), done.stderr
        sent = [m for m in records(lab, "predictions") if m.value() == mended.payload]
        assert len(sent) == times
        for message in sent:
            assert message.headers() == [
                ("source", f"dead-letter:{mended.dead_letter_id}".encode())
            ]
            assert message.key() == key_of(event)
            assert message.partition() == partition_of(key_of(event), 4)

    # What comes behind the second replay in the same lane shows that it was worked off.
    later = prediction("mended", model_id="later")
    lab.publish([later])
    await_that(
        lambda: any(p.prediction.model_id == "later" for p in lab.events("pairs", Pair)), running
    )
    pairs = [p for p in lab.events("pairs", Pair) if p.outcome.event_id == measured.event_id]
    assert sorted(p.prediction.event_id for p in pairs) == sorted([event.event_id, later.event_id])


def test_the_list_is_newest_first_and_counts_a_letter_once(lab: PipelineLab) -> None:
    letters = [letter(lab, b"x", position=number) for number in range(6)]
    row = letter(lab, b"SM02,logP,NaN\r\n", origin="P.csv", partition=None, position=13, key=None)
    say(lab, letters[0], *letters, row)
    found = json.loads(run(lab, "list", "--json", "--limit", "3").stdout)
    assert (found["total"], found["unreadable"]) == (7, 0)
    assert [said["id"] for said in found["letters"]] == [
        said.dead_letter_id for said in (row, letters[5], letters[4])
    ]
    assert found["letters"][0]["at"] == "2023-11-14T22:13:27.000+00:00"
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


def test_replay_all_leaves_what_has_another_way_and_says_which(lab: PipelineLab) -> None:
    valid = CODEC.encode(prediction("valid"))
    measured = outcome("refused by the sink")
    sunk = {"origin": "sink of outcomes", "partition": None, "key": key_of(measured)}
    letters = {
        "valid": letter(lab, valid),
        "sunk": letter(lab, CODEC.encode(measured), **sunk),
        "mend line 7 of P.csv": letter(lab, b"a,b\n", origin="P.csv", partition=None, position=7),
        "send a higher revision": letter(lab, valid, origin="join", partition=None),
        "is no topic of events": letter(lab, valid, origin="other.predictions"),
        "stands where a Outcome": letter(lab, valid, origin=topic_name(lab.prefix, "outcomes")),
        f"larger than {EVENT_BYTES_MAX} bytes": letter(
            lab, CODEC.encode(prediction("x", features={f"f{i}": "y" * 900 for i in range(100)}))
        ),
    }
    say(lab, *letters.values(), letters["valid"])
    dry = run(lab, "replay", "--all", "--dry-run")
    assert dry.stdout == "7 dead letters: 2 would be sent, 5 would be left\n"
    assert records(lab, "predictions") == records(lab, "outcomes") == []
    done = run(lab, "replay", "--all")
    assert (done.returncode, done.stdout) == (1, "7 dead letters: 2 sent, 5 left\n")
    said = {line.split()[0]: line for line in done.stderr.splitlines()}
    assert len(said) == 5
    for reason, left in list(letters.items())[2:]:
        assert reason in said[left.dead_letter_id[:12]]
    assert [m.value() for m in records(lab, "predictions")] == [valid]
    assert [m.value() for m in records(lab, "outcomes")] == [CODEC.encode(measured)]
    some = run(lab, "replay", "--all", "--origin", "sink of outcomes")
    assert (some.returncode, some.stdout) == (0, "1 dead letter: 1 sent, 0 left\n")


def test_as_is_goes_where_it_came_from_and_a_cut_payload_is_fetched_again(
    lab: PipelineLab,
) -> None:
    huge = b"\0" + os.urandom(DEAD_PAYLOAD_BYTES_MAX + 1_000)
    (taken,) = produce(lab, "predictions", [{"key": b"huge", "value": huge, "partition": 2}])
    cut = letter(lab, huge[:DEAD_PAYLOAD_BYTES_MAX], partition=2, position=taken.offset())
    gone = cut._replace(dead_letter_id="gone", position=taken.offset() + 1)
    other = cut._replace(dead_letter_id="other", payload=b"\1" + cut.payload[1:])
    rubbish = letter(lab, b"hello, lab", partition=1, key=None)
    empty, nowhere = letter(lab, b""), letter(lab, b"hello", partition=99)
    say(lab, cut, gone, other, rubbish, empty, nowhere)
    assert run(lab, "replay", "--all").stdout == "6 dead letters: 0 sent, 6 left\n"
    done = run(lab, "replay", "--all", "--as-is")
    assert (done.returncode, done.stdout) == (1, "6 dead letters: 2 sent, 4 left\n")
    assert done.stderr.count("has left") == 2
    sent = [m for m in records(lab, "predictions") if m.headers()]
    assert {(m.partition(), m.key(), m.value()) for m in sent} == {
        (2, b"huge", huge),
        (1, None, b"hello, lab"),
    }


def test_a_pair_that_was_restated_since_is_left(lab: PipelineLab) -> None:
    old, equal = a_pair(row_version=5), a_pair(row_version=7)
    key = key_of(equal)
    newest = {"key": key, "value": CODEC.encode(equal), "partition": partition_of(key, 4)}
    produce(lab, "pairs", [newest])
    origin = topic_name(lab.prefix, "pairs")
    stale = letter(lab, CODEC.encode(old), origin=origin)
    standing = letter(lab, CODEC.encode(equal), origin="sink of pairs", partition=None)
    say(lab, stale, standing)
    done = run(lab, "replay", "--all")
    assert done.stdout == "2 dead letters: 1 sent, 1 left\n"
    assert f"{stale.dead_letter_id[:12]} is left: the pair has been restated" in done.stderr
    assert [CODEC.decode(m.value(), Pair).row_version for m in records(lab, "pairs")] == [7, 7]


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
