"""Dead letters made by hand, and the commands about them called on a lab."""

import io
import sys
import time
import uuid
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Message, Producer
from pipeline_lab import CODEC, PipelineLab

from schemas.events import DeadLetter
from schemas.partitioner import partition_of
from schemas.topics import key_of, topic_name
from streams.addresses import as_environment
from streams.cli import main
from streams.topic_reader import TopicReader

# When the first letter is said: not so long ago that the broker would remove it as outdated.
FIRST_SAID_S = int(time.time()) - 86_400


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
            "timestamp": 1_000 * (FIRST_SAID_S + number),
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
