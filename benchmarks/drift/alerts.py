"""One change is one alert: what of the alarms of a detector counts, by one rule for all.

An alarm opens an alert; while one is open further alarms are the same alert. It closes by the
product's own rule for changes of up to 1 SD (processors/alerts/recovery.py): a block of results
agrees with the baseline again.
"""

from collections.abc import Iterable, Iterator

from benchmarks.drift.streams import Stream

# As the product has them; a test holds that. Other libraries run where the product is not.
RECOVERY_PAIRS = 50
RECOVERY_SCORE_MAX = 0.25
CLIP_SD = 3.5


def alerts(alarms: Iterable[int], stream: Stream) -> Iterator[int]:
    """Yield the places of the alarms that open an alert; those in the baseline do not count.

    >>> stream = Stream([(-1.0) ** i for i in range(400)], [0] * 400, [0] * 400, 200, None, 0.0)
    >>> list(alerts([100, 250, 260, 300, 301], stream))
    [250, 301]
    """
    scores = [max(-CLIP_SD, min(CLIP_SD, score)) for score in stream.standardised()]
    closed_from = stream.baseline
    for alarm in alarms:
        if alarm >= closed_from:
            yield alarm
            closed_from = _closes(scores, alarm + 1)


def _closes(scores: list[float], start: int) -> int:
    while start + RECOVERY_PAIRS <= len(scores):
        block = scores[start : start + RECOVERY_PAIRS]
        start += RECOVERY_PAIRS
        if abs(sum(block)) <= RECOVERY_SCORE_MAX * RECOVERY_PAIRS:
            return start
    return len(scores)
