"""When what has changed is published though more input waits."""

CHANGED_PART = 0.02
CHANGED_MIN = 20


def is_due(changed: int, total: int) -> bool:
    """Return whether `changed` of `total` results are enough to publish their figures again.

    >>> is_due(19, 100), is_due(20, 100), is_due(20, 10_000)
    (False, True, False)
    """
    return changed >= max(CHANGED_MIN, CHANGED_PART * total)
