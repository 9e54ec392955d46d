"""Every window, after any restatements, equals a batch in pandas over the pairs that stand.

Pairs come straight to the monitor here, so that times, contexts and model versions of one pair may
change as a join never would in one step.
"""

import random
import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import metrics as river_metrics
from river.utils import Rolling
from test_monitor_oracle import (
    CLOSE,
    Lane,
    Window,
    check,
    confusion_of,
    of_labels,
    of_probabilities,
    of_values,
)

import processors.window_metrics as window_metrics
from processors.options import DAY_US, Options
from schemas.events import CONTEXT_FIELDS, AssayContext, Outcome, Pair, Prediction
from schemas.topics import digest

OPTIONS = (
    Options(),
    Options(window_pairs=(5, 1, 3), window_days=(7, 1, 30)),
    Options(window_pairs=(), window_days=(2,)),
    Options(window_pairs=(4,), window_days=()),
)
LABELS = [None, "hit", "miss"] * 3 + ["un:clear %"]
CHECKPOINTS = ["busy", "quiet", "busy, then another worker", "quiet, then another worker"]


class Content(NamedTuple):
    """What a pair says at one time; `status` other than "paired" takes it out."""

    version: str
    lot: str | None
    instrument: str | None
    at: int | None
    predicted: float | None
    measured: float | None
    predicted_label: str | None
    measured_label: str | None
    probability: float | None
    status: str


class Step(NamedTuple):
    """One step of a story: pair number `slot` says `content`, then maybe a checkpoint."""

    slot: int
    content: Content
    then: str


def pair_of(slot: int, said: Content) -> Pair:
    context = AssayContext(said.lot, said.instrument)
    prediction = Prediction(
        f"p{slot}",
        0,
        False,
        "m",
        "a",
        AssayContext(),
        "net",
        said.version,
        said.predicted,
        said.predicted_label,
        said.probability,
    )
    outcome = Outcome(f"o{slot}", 0, False, "m", "a", context, said.measured, said.measured_label)
    outcome = outcome._replace(measured_at=said.at)
    gone = said.status == "retracted"
    predicted, measured = (None, None) if gone else (said.predicted, said.measured)
    pair_id = digest(str(slot))
    return Pair(pair_id, 1, said.status, None, predicted, measured, prediction, outcome)


quarters = st.integers(-24, 24).map(lambda steps: steps / 4)
# Many of equal time, where the pair id decides, and many that differ by a microsecond.
times = st.tuples(
    st.integers(-3, 40) | st.sampled_from([7, 8]), st.integers(0, 2) | st.just(DAY_US - 1)
).map(lambda day_and_time: day_and_time[0] * DAY_US + day_and_time[1])
contents = st.builds(
    Content,
    st.sampled_from(["1", "1", "1", "2"]),
    st.sampled_from([None, "L1", "L2"]),
    st.sampled_from([None, "I1"]),
    st.none() | times | times | times,
    st.none() | quarters | quarters | quarters | st.just(1e9),
    st.none() | quarters | quarters | quarters | st.just(-1e9),
    st.sampled_from(LABELS),
    st.sampled_from(LABELS),
    st.none() | st.integers(0, 8).map(lambda eighths: eighths / 8),
    st.sampled_from(["paired"] * 8 + ["superseded", "retracted"]),
)
stories = st.lists(
    st.builds(
        Step,
        st.integers(0, 30),
        contents,
        st.sampled_from([""] * 12 + CHECKPOINTS),
    ),
    max_size=70,
)


def in_window(window: str, frame: pd.DataFrame) -> pd.DataFrame:
    kind, _, size = window.partition(":")
    if kind == "last":
        return frame.tail(int(size))
    if kind == "days":
        days = pd.to_datetime(frame["at"].astype("Int64"), unit="us", utc=True).dt.floor("D")
        return frame[(days > days.max() - pd.Timedelta(days=int(size))).fillna(False)]
    return frame


def of_frame(frame: pd.DataFrame, window: str) -> dict[str, float | None]:
    found: dict[str, float | None] = {"n": float(len(frame))}
    numeric = frame.dropna(subset=["predicted", "measured"])
    if len(numeric):
        found |= of_values(
            numeric["predicted"].to_numpy(np.float64), numeric["measured"].to_numpy(np.float64)
        )
    labelled = frame.dropna(subset=["predicted_label", "measured_label"])
    if len(labelled):
        labels = list(labelled["predicted_label"]), list(labelled["measured_label"])
        found |= of_labels(*labels)
        found |= confusion_of(*labels) if window == "all" else {}
    ranked = frame.dropna(subset=["probability", "measured_label"])
    if len(ranked):
        probability = ranked["probability"].to_numpy(np.float64)
        found |= of_probabilities(probability, list(ranked["measured_label"]))
    return found


def batch(final: dict[int, Content], options: Options) -> dict[Window, dict[str, float | None]]:
    frame = pd.DataFrame(
        [(digest(str(slot)), *content) for slot, content in final.items()],
        columns=["pair_id", *Content._fields],
        dtype=object,
    )
    numeric = frame["predicted"].notna() & frame["measured"].notna()
    said = frame["predicted_label"].notna() | frame["probability"].notna()
    frame = frame[
        (frame["status"] == "paired") & (numeric | said & frame["measured_label"].notna())
    ]
    frame = frame.assign(untimed=frame["at"].isna(), time=frame["at"].fillna(0).astype("int64"))
    frame = frame.sort_values(["untimed", "time", "pair_id"], ascending=[False, True, True])
    names = ["all", *(f"last:{n}" for n in options.window_pairs)]
    names += [f"days:{n}" for n in options.window_days]
    expected: dict[Window, dict[str, float | None]] = {}
    for version, of_version in frame.groupby("version"):
        series: dict[tuple[str | None, str | None], pd.DataFrame] = {(None, None): of_version}
        for field, column in zip(CONTEXT_FIELDS, ("lot", "instrument"), strict=False):
            for value, of_value in of_version.groupby(column):
                series[field, str(value)] = of_value
        for segment, rows in series.items():
            for name in names:
                held = in_window(name, rows)
                if len(held):
                    expected["net", str(version), "a", *segment, name] = of_frame(held, name)
    return expected


def tell(lane: Lane, story: list[Step]) -> None:
    for step in story:
        lane.take(pair_of(step.slot, step.content))
        if step.then:
            lane.flush(quiet="quiet" in step.then)
        if "worker" in step.then:
            lane.restart()


def final_of(story: list[Step]) -> dict[int, Content]:
    return {step.slot: step.content for step in story}


@settings(max_examples=40, deadline=None)
@given(stories, st.sampled_from(OPTIONS), st.data())
def test_every_window_is_that_of_the_batch(
    story: list[Step], options: Options, data: st.DataObject
) -> None:
    again = [Step(slot, said, "") for slot, said in final_of(story).items()]
    duplicates = data.draw(st.lists(st.sampled_from(again), max_size=5)) if again else []
    lane = Lane(options)
    tell(lane, [*story, *duplicates])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn, on windows of one class
        check(lane.finish(), batch(final_of(story), options))


def long_story(seed: int, steps: int) -> list[Step]:
    rng = random.Random(seed)

    def content(outlier: bool) -> Content:
        predicted = rng.gauss(0, 1)
        return Content(
            rng.choice("1112"),
            rng.choice([None, "L1", "L2"]),
            rng.choice([None, "I1"]),
            rng.choice([None, *[rng.randrange(-5 * DAY_US, 90 * DAY_US)] * 9]),
            1e9 if outlier else predicted,
            predicted + rng.gauss(0, 0.5),
            rng.choice([None, "hit", "miss"]),
            rng.choice([None, "hit", "miss"]),
            rng.choice([None, rng.random()]),
            rng.choice(["paired"] * 9 + ["retracted"]),
        )

    story = [Step(rng.randrange(400), content(rng.random() < 0.05), "") for _ in range(steps)]
    # Every outlier is corrected or retracted in the end.
    last = {step.slot: step for step in story}
    mended = [Step(s, content(False), "") for s, step in last.items() if step.content[4] == 1e9]
    rng.shuffle(mended)
    checkpoints = ["", "", *CHECKPOINTS]
    told = [*story, *mended]
    return [
        s._replace(then=rng.choice(checkpoints)) if i % 30 == 0 else s for i, s in enumerate(told)
    ]


@pytest.mark.parametrize("seed", range(2))
def test_outliers_that_came_and_went_leave_no_trace_in_long_windows(seed: int) -> None:
    story, lane = long_story(seed, 1_200), Lane()
    assert any(step.content.predicted == 1e9 for step in story)
    tell(lane, story)
    expected = batch(final_of(story), Options())
    sizes = {
        name[-1]: metrics["n"]
        for name, metrics in expected.items()
        if name[1:4] == ("1", "a", None)
    }
    assert (sizes["all"] or 0) > (sizes["last:200"] or 0) > (sizes["days:30"] or 0) > 40
    check(lane.finish(), expected)


def test_the_order_of_pairs_leaves_no_trace() -> None:
    final = final_of(long_story(5, 600))
    story = [Step(slot, said, "") for slot, said in final.items()]
    expected = batch(final, Options())
    for seed in range(2):
        random.Random(seed).shuffle(story)
        lane = Lane()
        tell(lane, story)
        check(lane.finish(), expected)


def test_rank_metrics_keep_their_limits_in_every_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under load a large window keeps its old ones; above the last limit there are none."""
    monkeypatch.setattr(window_metrics, "RANK_PAIRS_BUSY_MAX", 60)
    monkeypatch.setattr(window_metrics, "RANK_PAIRS_MAX", 150)
    rng, lane = random.Random(1), Lane(Options(window_pairs=(50,), window_days=(2,)))

    def more(count: int) -> None:
        for _ in range(count):
            slot = lane._sequence
            at = slot * DAY_US // 50
            said = Content(
                "1", None, None, at, rng.gauss(0, 1), rng.gauss(0, 1), None, None, None, "paired"
            )
            lane.take(pair_of(slot, said))

    def taus() -> dict[str, tuple[float | None, int]]:
        of_series = {name[-1]: found for name, found in lane.latest.items()}
        return {
            w: (found["kendall_tau"].value, found["kendall_tau"].n)
            for w, found in of_series.items()
        }

    more(55)
    lane.flush(quiet=False)
    first = taus()
    assert {window: n for window, (_, n) in first.items()} == {
        "all": 55,
        "last:50": 50,
        "days:2": 55,
    }
    more(45)
    lane.flush(quiet=False)
    assert taus()["all"] == first["all"] and taus()["days:2"] == first["days:2"]
    assert taus()["last:50"] != first["last:50"]
    lane.flush(quiet=True)
    assert {window: n for window, (_, n) in taus().items()} == {
        "all": 100,
        "last:50": 50,
        "days:2": 100,
    }
    more(60)
    lane.flush(quiet=True)
    assert taus()["all"] == (None, 0), "no stale one stands"
    assert taus()["days:2"][1] == 60


def test_river_agrees_on_a_stream_without_reverts() -> None:
    """River's running metrics, and its rolling ones for `last:50`, on 500 pairs in event time."""
    rng, lane = random.Random(3), Lane(Options(window_pairs=(50,), window_days=(10,)))
    kinds: dict[str, Any] = {
        "rmse": river_metrics.RMSE,
        "mae": river_metrics.MAE,
        "r2": river_metrics.R2,
    }
    whole = {name: kind() for name, kind in kinds.items()}
    rolling = {name: Rolling(kind, window_size=50) for name, kind in kinds.items()}
    days = {name: kind() for name, kind in kinds.items()}
    for slot in range(500):
        measured = rng.gauss(5, 1)
        predicted = measured + rng.gauss(0, 0.3)
        at = slot * DAY_US // 20
        said = Content("1", None, None, at, predicted, measured, None, None, None, "paired")
        lane.take(pair_of(slot, said))
        for metric in (*whole.values(), *rolling.values(), *(days.values() if slot >= 300 else ())):
            metric.update(measured, predicted)
    latest = lane.finish()
    for window, of_window in {"all": whole, "last:50": rolling, "days:10": days}.items():
        for name, metric in of_window.items():
            said_value = latest["net", "1", "a", None, None, window][name].value
            assert said_value == pytest.approx(metric.get(), rel=CLOSE), (window, name)


def test_a_window_goes_by_the_microsecond_and_then_by_the_pair_id() -> None:
    slots = sorted(range(12), key=lambda slot: digest(str(slot)), reverse=True)
    lane = Lane(Options(window_pairs=(1, 2)))
    for at, slot in enumerate([*slots, slots[0] + 100]):
        time = min(at, len(slots) - 1)
        said = Content("1", None, None, time, float(slot), 0.0, None, None, None, "paired")
        lane.take(pair_of(slot, said))
    latest = lane.finish()
    newest = max((slots[-1], slots[0] + 100), key=lambda slot: digest(str(slot)))
    assert latest["net", "1", "a", None, None, "last:1"]["me"].value == newest
    both = latest["net", "1", "a", None, None, "last:2"]["me"].value
    assert both == (slots[-1] + slots[0] + 100) / 2
