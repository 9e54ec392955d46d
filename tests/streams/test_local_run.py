"""`recalibra demo` and `recalibra up` whole: what they say, and that nothing is left."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from streams.settings import REPOSITORY

PROGRAM = [sys.executable, "-m", "streams.cli"]
STOP_S = 5.0
UP_TIMEOUT_S = 90.0


def environment(state: Path, cache: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"RECALIBRA_STATE_DIR": str(state), "RECALIBRA_CACHE_DIR": str(cache)}


def processes_of(state: Path) -> list[psutil.Process]:
    """Every process that was started for a state folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(state) in process.environ().get("RECALIBRA_STATE_DIR", ""):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_the_demo_tells_its_story_and_leaves_nothing_running(
    tmp_path: Path, cache_dir: Path
) -> None:
    done = subprocess.run(
        [*PROGRAM, "demo", "--once", "--json", "--bad-lot", "LOT-D", "--seed", "5"],
        capture_output=True, text=True, timeout=180, cwd=REPOSITORY, check=False,
        env=environment(tmp_path, cache_dir),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    # FreeSolv has 642 molecules; the story leaves the last 30 unmeasured.
    assert (report["predictions"], report["outcomes"], report["pairs"]) == (642, 612, 612)
    assert report["clickhouse_rows"]["pairs"] == 612 and report["dead_letters"] == 0
    (alert,) = report["alerts"]
    assert (alert["state"], alert["segment"]) == ("open", {"reagent_batch": "LOT-D"})
    assert alert["since"] >= "2026-02" and "LOT-D" in alert["reason"]
    assert processes_of(tmp_path) == []


def test_up_serves_other_commands_and_stops_in_time(tmp_path: Path, cache_dir: Path) -> None:
    settings = environment(tmp_path, cache_dir)
    story = tmp_path / "story"

    def run(*arguments: str) -> str:
        return subprocess.run(
            [*PROGRAM, *arguments],
            capture_output=True, text=True, timeout=60, cwd=REPOSITORY, env=settings, check=True,
        ).stdout  # fmt: skip

    up = subprocess.Popen(
        [*PROGRAM, "up"], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env=settings
    )
    assert up.stdout is not None
    try:
        for line in up.stdout:
            if line.startswith("Ctrl-C stops"):
                break
        run("demo", "--export", str(story))
        files = ("--predictions", f"{story}/predictions.csv", "--outcomes", f"{story}/outcomes.csv")
        counts = json.loads(run("connect", "csv", *files, "--json"))
        assert counts["predictions"]["sent"] == 642 and counts["outcomes"]["sent"] == 612
        run("connect", "csv", *files)  # again: nothing changes
        deadline = time.monotonic() + UP_TIMEOUT_S
        question = "SELECT count() AS pairs FROM pairs"
        while json.loads(run("query", question, "--json"))["pairs"] < 612:
            assert time.monotonic() < deadline
        assert json.loads(run("query", question, "--json")) == {"pairs": 612}
        second = subprocess.run(
            [*PROGRAM, "up"], capture_output=True, text=True, timeout=30, env=settings, check=False,
            cwd=REPOSITORY,
        )  # fmt: skip
        assert second.returncode == 2 and second.stderr.count("\n") == 1
        up.send_signal(signal.SIGINT)
        assert up.wait(STOP_S) == 0
    finally:
        up.kill()
        up.wait()
        up.stdout.close()
    assert processes_of(tmp_path) == []
