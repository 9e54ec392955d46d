"""The clock that stages and rebuilds go by."""

import time


def now_us() -> int:
    """Return the time in microseconds since 1970."""
    return time.time_ns() // 1_000
