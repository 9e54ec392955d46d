"""How many heaps of the C library the threads of a process share."""

import ctypes

# Of <malloc.h>.
_M_ARENA_MAX = -8
HEAPS_MAX = 2


def share_heaps() -> None:
    """Have the threads share HEAPS_MAX heaps; does nothing where the C library is not GNU's.

    It would give each thread its own, which keeps what the thread once needed: those of a stage's
    lanes come to some tens of MB in an hour. To be called before there are threads.

    Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, HEAPS_MAX)
