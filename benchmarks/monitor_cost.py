"""What one pair costs in the monitor's core: a model version of five series, default detectors."""

import random
import time
from typing import NamedTuple

from processors.monitor import Monitor
from processors.store import MemoryStore
from schemas.events import AssayContext, Outcome, Pair, Prediction
from schemas.topics import digest

# Enough that every chart looks; those after are timed.
LEARNING_PAIRS, TIMED_PAIRS = 1_000, 4_000
PAIRS_PER_RUN, PAIRS_PER_CHECKPOINT = 20, 500
RUN_US = 86_400_000_000


class MonitorCost(NamedTuple):
    """Microseconds a pair: `process` by itself, and with what checkpoints tell and write."""

    process_us: float
    with_checkpoints_us: float


def pair(number: int, rng: random.Random) -> Pair:
    """Return a pair of the whole series and four others, each level one of two."""
    at = number // PAIRS_PER_RUN * RUN_US + number % PAIRS_PER_RUN
    context = AssayContext(*(f"{field}{rng.randrange(2)}" for field in "ribp"))
    measured = rng.gauss(6, 1)
    predicted = measured + rng.gauss(0, 0.5)
    ids, molecule = (f"p{number}", 0, False), f"M{number}"
    p = Prediction(*ids, molecule, "assay", AssayContext(), "model", "1", predicted)
    o = Outcome(*ids, molecule, "assay", context, measured, measured_at=at)
    return Pair(digest(str(number)), 1, "paired", None, predicted, measured, p, o)


def monitor_cost(seed: int) -> MonitorCost:
    """Return what a pair costs after the charts have learnt; the store is in memory."""
    rng, monitor, store = random.Random(seed), Monitor(), MemoryStore()
    pairs = [pair(number, rng) for number in range(LEARNING_PAIRS + TIMED_PAIRS)]
    process_s = checkpoint_s = 0.0
    for start in range(0, len(pairs), PAIRS_PER_CHECKPOINT):
        block = pairs[start : start + PAIRS_PER_CHECKPOINT]
        begun = time.perf_counter()
        for number, each in enumerate(block, start + 1):
            monitor.process(each, number, store)
        processed = time.perf_counter()
        monitor.flush(store, quiet=False)
        if start >= LEARNING_PAIRS:
            process_s += processed - begun
            checkpoint_s += time.perf_counter() - processed
    return MonitorCost(
        round(process_s / TIMED_PAIRS * 1e6, 1),
        round((process_s + checkpoint_s) / TIMED_PAIRS * 1e6, 1),
    )
