"""A stage process that gets stuck, in another way in each of its lives, and then works.

As `python -m streams.stage_process join 1`; the variable STUCK_LIVES names a file with a line per
life, STUCK_WAYS the ways to take one after the other.
"""

import ctypes
import os
import threading
from pathlib import Path
from typing import Any

from processors.join import Join
from streams.process_end import end
from streams.stage_app import StageApp
from streams.stage_process import main


def way_of_this_life() -> str | None:
    lives = Path(os.environ["STUCK_LIVES"])
    before = len(lives.read_text().splitlines()) if lives.exists() else 0
    with lives.open("a") as file:
        file.write(f"{os.getpid()}\n")
    ways = os.environ["STUCK_WAYS"].split(",")
    return ways[before] if before < len(ways) else None


def stuck_in_thread(*_: Any) -> Any:
    threading.Event().wait()


def stuck_with_interpreter(*_: Any) -> Any:
    ctypes.PyDLL(None).sleep(3600)  # PyDLL keeps the lock that every thread needs


async def dead_agent(_self: StageApp, stream: Any) -> None:
    async for _event in stream.noack().events():
        return


if __name__ == "__main__":
    way = way_of_this_life()
    if way == "thread":
        Join.process = stuck_in_thread  # type: ignore[method-assign]
    elif way == "interpreter":
        Join.process = stuck_with_interpreter  # type: ignore[method-assign]
    elif way == "agent":
        StageApp._agent = dead_agent  # type: ignore[method-assign]
    end(main())
