"""The threads of a stage share few heaps of the C library, which keep nothing that is free."""

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

# Of 200 MB every hundredth block is kept, so that no heap ends with what is free.
FREEING = """
import os, time
from pathlib import Path
from streams.shared_heaps import give_back_free_memory
def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
held = [bytes(5_000) for _ in range(40_000)]
held = held[::100]
before_mb = resident_mb()
give_back_free_memory(0.01)
while resident_mb() > before_mb - 150:
    time.sleep(0.01)
"""

glibc_only = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only GNU's C library has them"
)


def heaps(call: str) -> int:
    program = [sys.executable, "-c", PROGRAM.format(call=call)]
    told = subprocess.run(program, check=True, capture_output=True, text=True).stderr
    return sum(line.startswith("Arena") for line in told.splitlines())


@glibc_only
def test_many_threads_share_few_heaps() -> None:
    assert heaps("") > HEAPS_MAX
    assert heaps("share_heaps()") == HEAPS_MAX


@glibc_only
def test_what_is_free_between_blocks_is_given_back() -> None:
    subprocess.run([sys.executable, "-c", FREEING], check=True, timeout=60)
