"""Children and their launcher: readiness, death, stop, and the death of the parent."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from schemas.errors import OursError, UnavailableError
from streams.local.child import Child

REPOSITORY = Path(__file__).resolve().parents[2]
DEADLINE_S = 20.0
# Starts a grandchild, says both ids, and ignores SIGTERM when told to.
STUBBORN = """
import os, signal, subprocess, sys, time
if "ignore" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), inner.pid, flush=True)
time.sleep(600)
"""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def wait_until_gone(processes: list[psutil.Process]) -> None:
    wait_until(lambda: not any(is_alive(one) for one in processes), f"left: {processes}")


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def python_child(tmp_path: Path, code: str, *arguments: str) -> Child:
    return Child("Tester", [sys.executable, "-c", code, *arguments], tmp_path / "child.log")


def wait_for_end(child: Child) -> None:
    wait_until(lambda: child.poll() == 0, child.log_end())


@pytest.mark.parametrize(("arguments", "grace_s"), [((), DEADLINE_S), (("ignore",), 0.2)])
def test_stop_ends_the_whole_group(
    tmp_path: Path, arguments: tuple[str, ...], grace_s: float
) -> None:
    child = python_child(tmp_path, STUBBORN, *arguments)
    child.start()
    child.wait_ready(lambda: len(child.log_end().split()) == 2, DEADLINE_S)
    launcher = psutil.Process(child.pid)
    processes = [launcher, *launcher.children(recursive=True)]
    assert [str(one.pid) for one in processes[1:]] == child.log_end().split()
    assert child.poll() is None
    child.stop(grace_s)
    assert child.poll() is not None
    wait_until_gone(processes)
    child.stop(grace_s)


def test_a_child_that_dies_is_named_with_its_exit_code_and_the_end_of_its_log(
    tmp_path: Path,
) -> None:
    code = "import sys; [print('line', n) for n in range(50)]; sys.exit(7)"
    child = python_child(tmp_path, code)
    child.start()
    with pytest.raises(OursError) as caught:
        child.wait_ready(lambda: False, DEADLINE_S)
    message = str(caught.value)
    assert "Tester ended unexpectedly with code 7" in message
    assert str(tmp_path / "child.log") in message
    assert message.endswith("line 48\nline 49")
    assert "line 5\n" not in message
    child.stop(1.0)


def test_run_waits_for_the_end_and_names_a_failure(tmp_path: Path) -> None:
    python_child(tmp_path, "print('done')").run(DEADLINE_S)
    assert (tmp_path / "child.log").read_text() == "done\n"
    with pytest.raises(OursError, match=r"(?s)Tester failed with code 3.*broken"):
        python_child(tmp_path, "print('broken'); raise SystemExit(3)").run(DEADLINE_S)
    with pytest.raises(UnavailableError, match=r"Tester did not end within 0\.1 s"):
        python_child(tmp_path, "import time; time.sleep(600)").run(0.1)


def test_the_log_of_an_earlier_run_is_not_quoted(tmp_path: Path) -> None:
    for text in ("first", "second"):
        child = python_child(tmp_path, f"print({text!r})")
        child.start()
        wait_for_end(child)
        assert child.log_end() == text
        child.stop(1.0)
    assert (tmp_path / "child.log").read_text() == "first\nsecond\n"


def test_a_child_that_is_not_ready_in_time_is_named(tmp_path: Path) -> None:
    child = python_child(tmp_path, "import time; time.sleep(600)")
    child.start()
    with pytest.raises(UnavailableError, match=r"Tester was not ready within 0\.1 s"):
        child.wait_ready(lambda: False, 0.1)
    child.stop(DEADLINE_S)


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    child = Child("Tester", [str(tmp_path / "missing")], tmp_path / "child.log")
    child.start()
    with pytest.raises(OursError, match=r"code 127[^$]*missing cannot be started: No such file"):
        child.wait_ready(lambda: False, DEADLINE_S)
    child.stop(1.0)


def test_a_child_has_its_own_session_and_the_descriptor_it_is_to_keep(tmp_path: Path) -> None:
    with (tmp_path / "kept").open("w") as kept:
        code = (
            "import os, sys; os.write(int(sys.argv[1]), b'held');"
            "print(os.getsid(0), os.getpgrp(), os.environ['GREETING'], os.getcwd())"
        )
        child = Child(
            "Tester",
            [sys.executable, "-c", code, str(kept.fileno())],
            tmp_path / "child.log",
            environment={"GREETING": "hello"},
            working_folder=tmp_path,
            keep_open=(kept.fileno(),),
        )
        child.start()
        wait_for_end(child)
    assert (tmp_path / "kept").read_text() == "held"
    assert child.log_end() == f"{child.pid} {child.pid} hello {tmp_path}"
    child.stop(1.0)


@pytest.mark.parametrize("arguments", [[], ["ignore"]])
def test_children_end_when_the_parent_is_killed(tmp_path: Path, arguments: list[str]) -> None:
    # The parent also forks: the fork's copy of the pipe must not keep the child alive.
    parent_code = f"""
        import os, sys, time
        from pathlib import Path
        from streams.local.child import Child
        command = [sys.executable, "-c", {STUBBORN!r}, *{arguments!r}]
        child = Child("Tester", command, Path({str(tmp_path / "child.log")!r}))
        child.start()
        fork = os.fork()
        if fork == 0:
            time.sleep(600)
        child.wait_ready(lambda: len(child.log_end().split()) == 2, {DEADLINE_S})
        print(fork, flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(parent_code)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        fork = psutil.Process(int(parent.stdout.readline()))
        descendants = psutil.Process(parent.pid).children(recursive=True)
        processes = [one for one in descendants if one != fork]
        parent.kill()
        try:
            assert len(processes) == 3
            wait_until_gone(processes)
        finally:
            fork.kill()
