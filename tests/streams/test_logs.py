"""A stage's log: lines for people, or JSON that another program can read line by line."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from pipeline_lab import PipelineLab, await_that, prediction
from pydantic import SecretStr

from streams.last_words import last_words
from streams.settings.processes import LoggingSettings
from streams.settings.services import ClickHouseSettings

SECRET = "a-password-that-nobody-else-uses"


def wordy(lab: PipelineLab, log_format: str) -> Path:
    """Have every lane of the lab wait for room on its disk, and return where the log will be."""
    streams = lab.settings.streams.model_copy(update={"free_disk_min_mb": 1e9})
    lab.settings = lab.settings.model_copy(
        update={
            "streams": streams,
            "logging": LoggingSettings(format=log_format),
            "clickhouse": ClickHouseSettings(host="127.0.0.1", password=SecretStr(SECRET)),
        }
    )
    return lab.settings.state_dir / "logs" / "stage-join-1.log"


def test_every_line_is_json_with_stage_lane_and_worker(lab: PipelineLab) -> None:
    log = wordy(lab, "json")
    lab.publish([prediction("M-OF-THE-LAB")])
    for _ in range(2):  # also what is said at the end of one life and at the begin of the next
        with lab.stages("join") as running:
            pid = running.process_ids["join 1"]
            said = log.stat().st_size if log.exists() else 0
            await_that(lambda said=said: "MB of room" in log.read_text()[said:], running)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["stage"] for line in lines} == {"join"}
    assert all(line["worker"].startswith("join-1@") for line in lines)
    assert len({line["worker"] for line in lines}) == 2 and pid > 0
    waiting = [line for line in lines if "MB of room" in line["message"]]
    assert {line["lane"] for line in waiting} <= {0, 1, 2, 3} and waiting
    assert {line["level"] for line in waiting} == {"WARNING"}
    assert waiting[0]["logger"] == "streams.lane_task"
    assert datetime.fromisoformat(waiting[0]["timestamp"]).utcoffset() is not None
    assert SECRET not in log.read_text() and "M-OF-THE-LAB" not in log.read_text()


def test_lines_are_for_people_unless_set(lab: PipelineLab) -> None:
    log = wordy(lab, "human")
    with lab.stages("join") as running:
        await_that(lambda: log.exists() and "MB of room" in log.read_text(), running)
    waiting = next(line for line in log.read_text().splitlines() if "MB of room" in line)
    assert "WARNING streams.lane_task: lane join[" in waiting
    assert SECRET not in log.read_text()


@pytest.mark.parametrize(
    ("log_end", "words"),
    [
        ("", "it left no word in its log"),
        ("one\n  two\n", "two"),
        ("one\n\x1b[?25h\n", "one"),
        ('{"message": "it ends", "level": "ERROR"}\n', "it ends"),
        ("{no json", "{no json"),
        (
            'Thread 0x1 (most recent call first):\n  File "a.py", line 4 in run\n',
            "something held its interpreter, and it stood still",
        ),
        ('Traceback:\n  File "a.py", line 4, in run\nValueError: no', "ValueError: no"),
    ],
)
def test_the_last_words_of_a_log(log_end: str, words: str) -> None:
    assert last_words(log_end) == words
