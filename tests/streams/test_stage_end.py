"""A stage's process ends at once, and nothing that was said is lost."""

import subprocess
import sys

PROGRAM = """
import atexit, logging, sys
from logging.handlers import MemoryHandler
from streams.process_end import end
atexit.register(print, "torn down", flush=True)
logging.getLogger().addHandler(MemoryHandler(100, target=logging.StreamHandler(sys.stdout)))
logging.getLogger().error("logged")
print("printed")
end(3)
"""


def test_a_stage_ends_without_taking_the_interpreter_down() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert ended.returncode == 3
    assert sorted(ended.stdout.split()) == ["logged", "printed"]
