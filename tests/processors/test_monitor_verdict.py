"""Alerts that say whether it was the assay, the model or chemistry, through the whole monitor."""

import random

import pytest

from processors.controls import Control
from processors.monitor import Monitor
from processors.options import Options
from processors.store import MemoryStore
from schemas.events import Alert, AssayContext, Metric, Outcome, Pair, Prediction
from schemas.topics import digest

HOUR_US = 3_600_000_000
QC = Options(controls=(Control("a", "QC"),))
BEFORE, SINCE = 240, 60


def pair(number: int, molecule: str, predicted: float, measured: float, logp: float) -> Pair:
    p = Prediction(
        f"p{number}", 0, False, molecule, "a", AssayContext(), "net", "1", predicted,
        features={"logP": logp},
    )  # fmt: skip
    o = Outcome(
        f"o{number}", 0, False, molecule, "a", AssayContext("L1", "I1"), measured,
        measured_at=number * HOUR_US,
    )  # fmt: skip
    return Pair(digest(str(number)), 1, "paired", None, predicted, measured, p, o)


def story(seed: int, what: str) -> list[Pair]:
    """Every fourth result is a control's; from BEFORE on something is 1.5 SD off."""
    rng, found = random.Random(seed), list[Pair]()
    for number in range((BEFORE + SINCE) * 4 // 3):
        changed = number >= BEFORE * 4 // 3
        off = 1.5 if changed else 0.0
        assay = off if what == "assay" else 0.0
        if number % 4 == 3:
            found.append(pair(number, "QC", 6.0, 6.0 + assay + rng.gauss(0, 1), 9.0))
            continue
        truth = rng.gauss(6, 1)
        foreign = changed and what == "chemistry"
        predicted = truth + (off if foreign or what == "model" else 0.0)
        logp = rng.gauss(8 if foreign else 2, 1)
        measured = truth + assay + rng.gauss(0, 1)
        found.append(pair(number, f"M{number}", predicted, measured, logp))
    return found


def told(pairs: list[Pair], options: Options = QC) -> tuple[list[Alert], list[Metric]]:
    monitor, store, alerts = Monitor(options), MemoryStore(), list[Alert]()
    for sequence, each in enumerate(pairs, 1):
        said = monitor.process(each, sequence, store)
        alerts += [a for a in said if isinstance(a, Alert) and not a.is_status]
        if sequence % 50 == 0:
            monitor.flush(store, quiet=False)
            monitor = Monitor(options)
    return alerts, [m for m in monitor.flush(store, quiet=True) if isinstance(m, Metric)]


@pytest.mark.parametrize("what", ["assay", "model", "chemistry"])
def test_an_alert_says_what_it_was(what: str) -> None:
    right = 0
    for seed in range(10):
        alerts, _ = told(story(seed, what))
        if alerts and alerts[-1].kind == what:
            assert f"It is the {what}:" in alerts[-1].reason
            right += 1
    assert right >= 9


def test_without_controls_assay_and_model_are_not_told_apart() -> None:
    alerts, _ = told(story(1, "model"), Options())
    assert alerts
    assert {alert.kind for alert in alerts} == {"unknown"}


def test_controls_are_no_part_of_accuracy() -> None:
    pairs = story(2, "none")
    _, metrics = told(pairs)
    counts = {m.value for m in metrics if m.metric == "n" and m.window == "all"}
    assert counts == {float(BEFORE + SINCE)}


def test_a_control_that_is_taken_back_says_nothing_any_more() -> None:
    pairs = story(3, "assay")
    withdrawn = [
        each._replace(status="retracted", row_version=2)
        for each in pairs
        if each.outcome.molecule_id == "QC"
    ]
    monitor, store = Monitor(QC), MemoryStore()
    for sequence, each in enumerate([*pairs[:320], *withdrawn[:80], *pairs[320:]], 1):
        if each.outcome.molecule_id != "QC" or each.status == "retracted" or sequence <= 320:
            monitor.process(each, sequence, store)
    left = [key for key, _ in store.scan(b"k")]
    assert left == []
