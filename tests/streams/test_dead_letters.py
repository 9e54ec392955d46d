"""Dead letters through the join and back, as a person and a script meet them."""

import json
import os
import subprocess
import sys

from dead_letter_lab import environment, letter, records, run, say
from pipeline_lab import CODEC, PipelineLab, await_that, outcome, prediction

from schemas.events import DeadLetter, Pair
from schemas.partitioner import partition_of
from schemas.topics import key_of, topic_name
from streams.settings import REPOSITORY
from streams.supervisor import Supervisor


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
