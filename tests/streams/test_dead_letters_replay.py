"""What `dead-letters replay` sends, and what it leaves and why."""

import os

from dead_letter_lab import letter, produce, records, run, say
from pipeline_lab import CODEC, PipelineLab, outcome, prediction

from schemas.events import Pair
from schemas.partitioner import partition_of
from schemas.topics import key_of, topic_name
from schemas.validation import EVENT_BYTES_MAX
from streams.lane import DEAD_PAYLOAD_BYTES_MAX


def a_pair(row_version: int) -> Pair:
    one, other = prediction("paired", event_id="p"), outcome("paired")._replace(event_id="o")
    return Pair("pair-1", row_version, "paired", None, 1.5, 1.0, one, other)


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
