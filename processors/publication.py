"""When what has changed is published though more input waits."""

CHANGED_PART = 0.02
CHANGED_MIN = 20
# What changed by less is published after so many flushes: a stream that never pauses is no reason
# to tell nothing.
FLUSHES_WAITED_MAX = 20


def is_due(changed: int, total: int, flushes_waited: int = 0) -> bool:
    """Return whether `changed` of `total` results are enough to publish their figures again.

    `flushes_waited` is how many checkpoints they have waited for that.

    >>> is_due(19, 100), is_due(20, 100), is_due(20, 10_000), is_due(1, 10_000, 20)
    (False, True, False, True)
    """
    if flushes_waited >= FLUSHES_WAITED_MAX:
        return changed > 0
    return changed >= max(CHANGED_MIN, CHANGED_PART * total)
