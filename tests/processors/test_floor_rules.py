"""Rules that hold a model's RMSE against the noise of its assay, as the monitor obeys them."""

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

from processors.alerts.rule import Rule
from processors.assay.noise_floor import BLOCK_PAIRS
from processors.monitor import Monitor
from processors.options import Options
from processors.pairing import pair_of
from processors.store import MemoryStore
from schemas.events import Alert, AssayContext, Outcome, Prediction

MSR = 3.0
# D. C. Eastwood et al.: MSR = 10^(2·√2·s), in log10 units.
NOISE = math.log10(MSR) / (2 * math.sqrt(2))
DAY_US = 86_400_000_000
RULES = (Rule("as good as the assay", assay_id="pIC50", minimum_significant_ratio=MSR),)


class Lab:
    """A monitor that forgets all it has at hand every so often."""

    def __init__(self, restart_every_pairs: int) -> None:
        self._every = restart_every_pairs
        self._options, self._store, self._number = Options(rules=RULES), MemoryStore(), 0
        self._monitor = Monitor(self._options)

    def err(self, error: float, assay: str = "pIC50") -> list[Alert]:
        number, model = self._number, ("net", "1")
        self._number += 1
        context, at = AssayContext(), number // 10 * DAY_US + number % 10
        ids = f"p{number}", 0, False, f"M{number}", assay
        p = Prediction(*ids, context, *model, 6.0 + error)
        o = Outcome(*ids, context, 6.0, measured_at=at)
        said = self._monitor.process(pair_of(p, o, "paired", number), number, self._store)
        if number % self._every == 0:
            self._monitor.flush(self._store, quiet=False)
            self._monitor = Monitor(self._options)
        return [row for row in said if isinstance(row, Alert) and row.rule is not None]


def normal(sd: float, seed: int) -> Callable[[], float]:
    rng = random.Random(seed)
    return lambda: rng.gauss(0, sd)


@pytest.mark.parametrize("restart_every_pairs", [1, 7, 10_000])
def test_worse_than_the_noise_opens_and_as_good_closes(restart_every_pairs: int) -> None:
    lab = Lab(restart_every_pairs)
    good, bad = normal(NOISE, 1), normal(2 * NOISE, 2)
    assert not [row for _ in range(4 * BLOCK_PAIRS) for row in lab.err(good())]
    errors = [bad() for _ in range(BLOCK_PAIRS)]
    (opened,) = [row for error in errors for row in lab.err(error)]
    assert (opened.state, opened.rule, opened.n) == ("open", RULES[0].name, BLOCK_PAIRS)
    assert f"RMSE of net 1 in pIC50 is {np.sqrt(np.mean(np.square(errors))):.3g}" in opened.reason
    # The 50 pairs before the alert are where its results begin.
    assert opened.since == 4 * BLOCK_PAIRS // 10 * DAY_US
    closed = [row for _ in range(BLOCK_PAIRS) for row in lab.err(good())]
    assert [row.state for row in closed] == ["recovered"]


def test_half_as_much_again_is_found_within_a_hundred_pairs() -> None:
    found = 0
    for seed in range(100):
        lab, good, bad = Lab(10_000), normal(NOISE, seed), normal(1.5 * NOISE, 1_000 + seed)
        for _ in range(seed % BLOCK_PAIRS):
            lab.err(good())
        found += any(row.state == "open" for _ in range(100) for row in lab.err(bad()))
    assert found >= 90


def test_labels_and_other_assays_are_not_held_against_it() -> None:
    lab = Lab(10_000)
    assert not [row for _ in range(2 * BLOCK_PAIRS) for row in lab.err(5.0, "logP")]
