"""A clean stop: the first Ctrl-C or SIGTERM lets the block end, and nothing is left behind."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(BaseException):
    """Raised in the main thread when the process is told to stop."""


@contextmanager
def until_stopped(stop: Callable[[], None]) -> Iterator[None]:
    """Run the block until it ends or SIGINT or SIGTERM comes; `stop` runs once in every case.

    Further signals are ignored while `stop` runs, so that no child is left by impatience.
    """

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    before = {n: signal.signal(n, on_signal) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Stopped:
        pass
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        stop()
        for number, handler in before.items():
            signal.signal(number, handler)
