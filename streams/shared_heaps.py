"""The heaps of the C library in a stage's process: few of them, and what is free is given back."""

import ctypes
import threading
import time

# Of <malloc.h>.
_M_ARENA_MAX = -8
HEAPS_MAX = 2
GIVE_BACK_EVERY_S = 15.0


def share_heaps() -> None:
    """Have the threads share HEAPS_MAX heaps; does nothing where the C library is not GNU's.

    It would give each thread its own, which keeps what the thread once needed: those of a stage's
    lanes come to some tens of MB in an hour. To be called before there are threads.

    Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, HEAPS_MAX)


def give_back_free_memory(every_s: float = GIVE_BACK_EVERY_S) -> None:
    """Give whole free pages of the heaps back to the system, by a thread, now and then.

    By itself the C library gives back what is free at the end of a heap alone, and a long-lived
    block there keeps all that is free before it. Takes some milliseconds each time; does nothing
    where the C library is not GNU's.

    Source: https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return

    def give_back() -> None:
        while True:
            trim(0)
            time.sleep(every_s)

    threading.Thread(target=give_back, name="heaps", daemon=True).start()
