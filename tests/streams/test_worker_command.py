"""`recalibra worker` as a person or an init system runs it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from pipeline_lab import DEADLINE_S, PipelineLab, await_that, outcome, prediction

from streams.addresses import as_environment
from streams.settings import REPOSITORY
from streams.settings.processes import LoggingSettings
from streams.worker_places import worker_places


@contextmanager
def worker(lab: PipelineLab, *options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "worker", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin"} | as_environment(lab.settings),
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_works_until_it_is_told_to_stop_and_leaves_nothing(
    lab: PipelineLab, number: signal.Signals
) -> None:
    lab.publish([prediction("M"), outcome("M")])
    with worker(lab, "--stages", "join", "--processes", "join=2") as running:
        await_that(lambda: len(lab.committed("pairs")) == 1)
        await_that(lambda: len(worker_places(lab.settings.state_dir)) == 2)
        family = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(number)
        said, _ = running.communicate(timeout=DEADLINE_S)
    assert running.returncode == 0
    assert "running 2 x join" in said and "handed on" in said
    assert "ended with code" not in said
    assert not any(child.is_running() for child in family)


def test_what_it_says_is_json_when_logs_are(lab: PipelineLab) -> None:
    lab.settings = lab.settings.model_copy(update={"logging": LoggingSettings(format="json")})
    with worker(lab, "--stages", "join", "--processes", "5") as running:
        await_that(lambda: len(worker_places(lab.settings.state_dir)) == 5)
        running.terminate()
        said, _ = running.communicate(timeout=DEADLINE_S)
    messages = [json.loads(line)["message"] for line in said.splitlines()]
    assert "1 of join will only stand by" in messages[0]
    assert any(message.startswith("running 5 x join") for message in messages)


def test_a_stage_that_is_not_there_is_one_sentence(lab: PipelineLab) -> None:
    with worker(lab, "--stages", "jion") as running:
        said, _ = running.communicate(timeout=DEADLINE_S)
    assert running.returncode == 2
    assert said.count("\n") == 1 and "'jion'" in said and "join, monitor, sink" in said
