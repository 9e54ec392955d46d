"""The fault suite's own parts: plans are complete and replayable, and the oracle counts right."""

import math
from collections import Counter

import numpy as np
import pytest
from accounting import account
from comparison import close, differences
from fault_input import CODEC, DUPLICATES_PART, POISON_PART, Sent, make_input
from fault_plan import MAJORS, POINTS, STAGES, plan_of
from fault_points import trap_from
from lab_events import DAY_US, OUTLIER, Measurement
from observation import Kept
from oracle_metrics import coverage_oracle, metric_oracle, of_labels, of_values
from oracle_pairs import pair_oracle
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    f1_score,
    fbeta_score,
    mean_absolute_error,
    mean_squared_error,
    precision_score,
    r2_score,
    recall_score,
)

from schemas.events import AssayContext, Outcome, Prediction
from schemas.partitioner import partition_of
from schemas.topics import SHORT_NAMES, key_of

TODAY_US = 20_000 * DAY_US
LOT = AssayContext("L1", "I1")


def prediction(event_id: str, molecule: str, value: float, day: int, **more: object) -> Prediction:
    event = Prediction(
        event_id, 0, False, molecule, "logP", AssayContext(), "net", "1", value, unit="uM"
    )
    return event._replace(predicted_at=day * DAY_US, **more)  # type: ignore[arg-type]


def outcome(event_id: str, molecule: str, value: float, day: int, **more: object) -> Outcome:
    event = Outcome(event_id, 0, False, molecule, "logP", LOT, value, unit="uM")
    return event._replace(measured_at=day * DAY_US, **more)  # type: ignore[arg-type]


def sent(*events: Measurement) -> list[Sent]:
    return [
        Sent(SHORT_NAMES[type(e)], partition_of(key_of(e), 4), key_of(e), CODEC.encode(e), e)
        for e in events
    ]


@pytest.mark.parametrize("first", [1, 1000])
def test_twenty_seeds_hold_every_kind_of_fault(first: int) -> None:
    plans = [plan_of(seed) for seed in range(first, first + 20)]
    kinds = {kind for plan in plans for kind in plan.fault_kinds}
    assert {plan.zombie_stage for plan in plans} == {*STAGES, None}
    assert {plan.partitions for plan in plans} == {4, 8}
    assert kinds >= {*MAJORS, *(f"kill_{point}" for point in POINTS)}


def test_a_seed_is_replayable_by_its_number() -> None:
    for seed in (3, 1007):
        plan = plan_of(seed)
        assert plan == plan_of(seed) != plan_of(seed + 1)
        assert make_input(plan, TODAY_US) == make_input(plan, TODAY_US)
        for lives in plan.traps.values():
            assert [trap_from(str(trap)) for trap in lives] == list(lives)
    assert trap_from("") is None


def test_the_input_holds_what_a_lab_brings() -> None:
    messages = make_input(plan_of(1), TODAY_US).messages
    events = [m.event for m in messages if m.event is not None]
    assert len(messages) - len(events) > 0.5 * POISON_PART * len(messages)
    counts = Counter(CODEC.encode(event) for event in events)
    assert sum(n - 1 for n in counts.values()) > 0.8 * DUPLICATES_PART * len(events)
    assert any(e.value == OUTLIER for e in events) and any(e.retracted for e in events)
    moved = {e.event_id for e in events if e.molecule_id.endswith(" moved")}
    assert moved & {e.event_id for e in events if e.retracted}
    strays = [m for m in messages if m.event and m.partition != partition_of(key_of(m.event), 4)]
    assert len(strays) > 50
    oracle = pair_oracle(messages, TODAY_US)
    assert min(len(oracle.late), len(oracle.inconvertible), len(oracle.conflicts)) > 0
    assert set(oracle.pairs.status) == {"paired", "superseded", "retrospective"}
    days = (oracle.pairs.measured_at - oracle.pairs.predicted_at).astype(float) / DAY_US
    assert (days.round() == 90).sum() > 10
    assert (oracle.coverage.expired > 0).all()
    assert oracle.pairs.molecule.eq("control").sum() > 1_000


def test_the_oracle_agrees_with_a_hand_calculation() -> None:
    events = (
        prediction("p1", "m", 1.0, 10),
        prediction("p2", "m", 2.0, 20),
        prediction("p3", "m", 3.0, 40),
        outcome("o1", "m", 1_500.0, 30, unit="nM"),
        outcome("o2", "m", 1.0, 500),
        prediction("p4", "n", 1.0, 10, model_id="tree"),
        prediction("p5", "n", 1.0, 590, model_id="tree"),
        prediction("p6", "kilo", 1.0, 10),
        outcome("o3", "kilo", 1.0, 20, unit="kg"),
        outcome("o4", "other", 1.0, 20),
        outcome("o4", "other", 1.0, 20, revision=1, retracted=True),
    )
    messages = [*sent(*events), *sent(events[0])]
    oracle = pair_oracle(messages, 600 * DAY_US)
    found = {(row.event_id_p, row.event_id_o): row for row in oracle.pairs.itertuples()}
    status = {ids: row.status for ids, row in found.items()}
    assert status == {
        ("p1", "o1"): "superseded",
        ("p2", "o1"): "paired",
        ("p3", "o1"): "retrospective",
    }
    assert math.isclose(found["p2", "o1"].predicted, 2_000.0)
    assert set(oracle.late.event_id_p) == {"p1", "p2", "p3"}
    assert set(oracle.inconvertible.event_id_o) == {"o3"}
    # p3 is answered by nothing in time; p6 is, in whatever unit.
    assert oracle.coverage.loc[("net", "1", "logP")].tolist() == [4, 3, 1]
    assert oracle.coverage.loc[("tree", "1", "logP")].tolist() == [2, 0, 1]
    whole = ("net", "1", "logP", None, None)
    metrics = metric_oracle(oracle.pairs)
    assert metrics[(*whole, "all", "n")] == 1
    assert math.isclose(metrics[(*whole, "last:50", "rmse")], 500.0)
    assert math.isclose(metrics[("net", "1", "logP", "instrument", "I1", "days:30", "me")], 500.0)
    assert coverage_oracle(oracle.coverage)[(*whole, "all", "label_coverage")] == 3 / 4
    inputs = {
        short: [
            Kept(m.partition, i, m.key, m.value) for i, m in enumerate(messages) if m.short == short
        ]
        for short in ("predictions", "outcomes")
    }
    ends = account(messages, inputs, oracle, 4, "lab", [])
    assert ends.counts == {
        "in a pair": 4, "late": 1, "duplicate": 1, "expired": 1, "open": 1,
        "dead letter of units": 2, "older form": 1, "retracted": 1,
    }  # fmt: skip
    assert ends.differences[0] == "dead letter of units: 1 missing, 0 too many, 0 other of 1"


def test_a_conflict_is_one_dead_letter_for_each_form_that_lost() -> None:
    forms = [outcome("o", "m", value, 30, revision=1) for value in (1.0, 2.0, 3.0)]
    oracle = pair_oracle(sent(outcome("o", "m", 0.0, 30), *forms, forms[0]), TODAY_US)
    assert [tuple(conflict) for conflict in oracle.conflicts] == [("o", 1), ("o", 1)]


def test_windows_follow_measured_at() -> None:
    days = {"o1": (1, 1.0), "o2": (5, 2.0), "o3": (31, 4.0)}
    events: list[Measurement] = [prediction("p", "m", 0.0, 0)]
    events += [outcome(name, "m", value, day) for name, (day, value) in reversed(days.items())]
    events.append(outcome("o4", "m", 8.0, 0)._replace(measured_at=None))
    metrics = metric_oracle(pair_oracle(sent(*events), TODAY_US).pairs)
    whole = ("net", "1", "logP", None, None)
    # Thirty days that end with day 31 begin with day 2; who states no time is in no such window.
    assert metrics[(*whole, "days:30", "n")] == 2
    assert metrics[(*whole, "days:30", "mae")] == 3.0
    assert metrics[(*whole, "all", "mae")] == 15.0 / 4


def test_formulas_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    predicted, measured = rng.normal(5, 1, 80), rng.normal(5, 1, 80)
    values = dict(of_values(predicted, measured))
    assert math.isclose(values["mae"], mean_absolute_error(measured, predicted))
    assert math.isclose(values["rmse"], math.sqrt(mean_squared_error(measured, predicted)))
    assert math.isclose(values["r2"], r2_score(measured, predicted))
    guessed, true = predicted > 5, measured > 5
    labels = dict(of_labels(guessed, true))
    assert math.isclose(labels["accuracy"], accuracy_score(true, guessed))
    assert math.isclose(labels["precision"], precision_score(true, guessed))
    assert math.isclose(labels["recall"], recall_score(true, guessed))
    assert math.isclose(labels["f2"], fbeta_score(true, guessed, beta=2))
    assert math.isclose(labels["f0_5"], fbeta_score(true, guessed, beta=0.5))
    assert math.isclose(labels["kappa"], cohen_kappa_score(true, guessed))
    assert math.isclose(labels["macro_f1"], f1_score(true, guessed, average="macro"))
    assert math.isclose(labels["macro_recall"], recall_score(true, guessed, average="macro"))
    assert math.isclose(labels["recall:miss"], recall_score(~true, ~guessed))
    assert math.isclose(labels["precision:miss"], precision_score(~true, ~guessed))


def test_differences_are_named() -> None:
    assert differences("pair", {"a": (1.0, "x")}, {"a": (1.0 + 1e-12, "x")}) == []
    told = differences("pair", {"a": (1.0,), "b": (2.0,)}, {"b": (2.1,), "c": (3.0,)})
    assert told[0] == "pair: 1 missing, 1 too many, 1 other of 2"
    assert close(None, math.nan) and not close(None, 0.0) and not close(1.0, 1.0 + 1e-8)
