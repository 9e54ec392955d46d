"""What the publisher remembers, on disk: several processes, kills, upkeep, bad files."""

import os
import signal
import sqlite3
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from connectors.event_places import Change, EventPlacesOnDisk, Remembering, Subject
from schemas.errors import OursError, RefusedStateError, UnavailableError
from schemas.events import Outcome, Prediction

REPOSITORY = Path(__file__).resolve().parents[2]
TODAY = date(2026, 3, 1)
O1: Subject = (Outcome, "o1")


def places(folder: Path, today: date = TODAY) -> EventPlacesOnDisk:
    return EventPlacesOnDisk("t", Remembering(folder, today, 100))


def write(memory: EventPlacesOnDisk, subject: Subject, text: str) -> None:
    memory.put(subject, Change(memory.get(subject), text))
    memory.write()
    memory.written()


def test_what_is_written_is_seen_by_others_and_by_the_next(tmp_path: Path) -> None:
    one, other = places(tmp_path), places(tmp_path)
    assert one.get(O1) == other.get(O1) == ""
    write(one, O1, "a")
    assert one.get((Prediction, "o1")) == ""
    other.written()
    assert other.get(O1) == "a"
    write(other, O1, "b")
    for memory in (one, other):
        memory.close()
    assert places(tmp_path).get(O1) == "b"


def test_a_change_made_elsewhere_at_the_same_moment_is_not_written_over(tmp_path: Path) -> None:
    one, other = places(tmp_path), places(tmp_path)
    for memory, text in ((one, "a"), (other, "b")):
        memory.put(O1, Change(memory.get(O1), text))
    one.write()
    one.written()
    other.write()
    with pytest.raises(OursError, match="send them again"):
        other.written()
    assert other.get(O1) == "a"
    write(other, O1, "a b")
    one.written()
    # The same said by both is no clash.
    for memory in (one, other):
        memory.put((Outcome, "o2"), Change("", "same"))
        memory.write()
        memory.written()


def test_what_changed_since_it_was_noted_is_not_settled(tmp_path: Path) -> None:
    one, other = places(tmp_path), places(tmp_path)
    write(one, O1, "a b")
    write(one, (Outcome, "o2"), "a b")
    write(other, O1, "a b c")
    moved = {O1: Change("a b", "b"), (Outcome, "o2"): Change("a b", "b")}
    one.settle(moved)
    assert (one.get(O1), one.get((Outcome, "o2"))) == ("a b c", "b")


PROGRAM = """
import os, signal, sys
from datetime import date
from pathlib import Path
from connectors.event_places import Change, EventPlacesOnDisk, Remembering
from schemas.events import Outcome
memory = EventPlacesOnDisk("t", Remembering(Path(sys.argv[1]), date(2026, 3, 1), 100))
for batch in range(20):
    for number in range(50):
        subject = (Outcome, f"{sys.argv[2]}-{batch}-{number}")
        memory.put(subject, Change(memory.get(subject), "x"))
    memory.write()
memory.written()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_several_processes_write_at_once_and_survive_a_kill(tmp_path: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path), str(n)], cwd=REPOSITORY)
        for n in range(3)
    ]
    assert [process.wait(60) for process in running] == [-signal.SIGKILL] * 3
    memory = places(tmp_path)
    subjects = [f"{n}-{b}-{i}" for n in range(3) for b in range(20) for i in range(50)]
    assert {memory.get((Outcome, name)) for name in subjects} == {"x"}
    memory.close()


def test_what_was_not_seen_for_long_is_forgotten(tmp_path: Path) -> None:
    first = places(tmp_path)
    write(first, O1, "a")
    write(first, (Outcome, "seen again"), "b")
    first.close()
    later = places(tmp_path, TODAY + timedelta(90))
    assert later.get((Outcome, "seen again")) == "b"
    later.settle({})
    later.close()
    last = places(tmp_path, TODAY + timedelta(101))
    assert (last.get(O1), last.get((Outcome, "seen again"))) == ("", "b")
    last.close()


def test_a_full_disk_is_a_sentence_and_leaves_what_was_written(tmp_path: Path) -> None:
    memory = places(tmp_path)
    write(memory, O1, "a")
    pages = memory._writer.execute("PRAGMA page_count").fetchone()[0]
    memory._writer.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(200):
        memory.put((Outcome, f"n{number}"), Change("", "x" * 100))
    memory.write()
    with pytest.raises(UnavailableError, match=r"full.*disk"):
        memory.written()
    assert (memory.get(O1), memory.get((Outcome, "n0"))) == ("a", "")
    memory.close()


def test_a_file_of_another_kind_or_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.sqlite").write_bytes(os.urandom(4_096))
    with pytest.raises(RefusedStateError, match=r"t\.sqlite.*move it away"):
        places(tmp_path)
    (tmp_path / "t.sqlite").unlink()
    places(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "t.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RefusedStateError, match="newer version"):
        places(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="file"):
        places(tmp_path / "file" / "publisher")
