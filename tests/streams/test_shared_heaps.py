"""The threads of a stage share few heaps of the C library."""

import platform
import subprocess
import sys

import pytest

from streams.shared_heaps import HEAPS_MAX

# The C library itself says how many heaps there are.
PROGRAM = """
import ctypes, threading
from streams.shared_heaps import share_heaps
{call}
together = threading.Barrier(12)
def work():
    together.wait()
    held = [bytes(5_000) for _ in range(1_000)]
    together.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ctypes.CDLL(None).malloc_stats()
"""


def heaps(call: str) -> int:
    program = [sys.executable, "-c", PROGRAM.format(call=call)]
    told = subprocess.run(program, check=True, capture_output=True, text=True).stderr
    return sum(line.startswith("Arena") for line in told.splitlines())


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library has them")
def test_many_threads_share_few_heaps() -> None:
    assert heaps("") > HEAPS_MAX
    assert heaps("share_heaps()") == HEAPS_MAX
