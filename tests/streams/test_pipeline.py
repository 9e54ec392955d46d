"""The stages on a real broker and ClickHouse: the numbers of the replay, through faults."""

import random
import re
import shutil
import time

import psutil
from pipeline_lab import CODEC, PipelineLab, await_that, newest_metrics

from schemas.events import AssayContext, Metric, Outcome, Pair, Prediction, Tick
from streams.replay import Replay

EVENTS = 20_000


def mixed_events(seed: int = 7) -> list[Prediction | Outcome]:
    """Several models, replicates, partial contexts, labels, revisions, retractions, duplicates."""
    rng = random.Random(seed)
    events: list[Prediction | Outcome] = []
    for i in range(150):
        molecule, assay = f"M{i}", f"assay-{i % 3}"
        lot = AssayContext(f"L{i % 4}", f"I{i % 2}")
        for model in ("net", "tree"):
            stated = lot if rng.random() < 0.3 else AssayContext()
            p = Prediction(
                f"p-{model}-{i}", 0, False, molecule, assay, stated, model, "1",
                value=rng.gauss(5, 1), label=rng.choice(["hit", "miss"]),
                probability=rng.random(), unit="uM", predicted_at=1_000 + i,
            )  # fmt: skip
            events.append(p)
            if rng.random() < 0.2:
                events.append(p._replace(revision=1, value=rng.gauss(5, 1)))
            if rng.random() < 0.05:
                events.append(p._replace(revision=2, retracted=True))
        for replicate in range(rng.choice([0, 1, 2])):
            o = Outcome(
                f"o-{i}-{replicate}", 0, False, molecule, assay, lot,
                value=rng.gauss(5, 1), label=rng.choice(["hit", "miss"]), unit="uM",
                measured_at=5_000 + rng.randrange(1_000),
            )  # fmt: skip
            events += [o] * rng.choice([1, 1, 2])
            if rng.random() < 0.1:
                events.append(o._replace(revision=3, value=1e9))
                events.append(o._replace(revision=4))
    rng.shuffle(events)
    return events


def replayed(events: list[Prediction | Outcome]) -> tuple[dict[str, Pair], list[Metric]]:
    pairs: dict[str, Pair] = {}
    metrics: list[Metric] = []
    # Lanes on the broker are told the time, by which predictions of 1970 have expired.
    now = Tick(0, time.time_ns() // 1_000)
    for event in Replay(CODEC).run([now, *events]):
        if isinstance(event, Pair):
            pairs[event.pair_id] = event
        elif isinstance(event, Metric):
            metrics.append(event)
    return {i: p for i, p in pairs.items() if p.status != "retracted"}, metrics


def content(pairs: dict[str, Pair]) -> dict[str, Pair]:
    """Pairs without the version, which only orders the rows of one pair."""
    return {i: pair._replace(row_version=0) for i, pair in pairs.items()}


def test_broker_and_replay_give_equal_pairs_and_metrics(storing_lab: PipelineLab) -> None:
    lab = storing_lab
    events = mixed_events()
    pairs, metrics = replayed(events)
    expected = newest_metrics(metrics, "all")
    assert len(pairs) > 100 and len(expected) > 100
    lab.publish(events)
    with lab.stages("join", "monitor", "sink") as running:
        await_that(
            lambda: newest_metrics(lab.events("metrics", Metric), "all") == expected, running
        )
        assert content(lab.live_pairs()) == content(pairs)
        await_that(lambda: lab.ask("SELECT count() FROM pairs") == [(len(pairs),)], running)
    stored = {row[0]: row[1:] for row in lab.ask("SELECT pair_id, status, predicted FROM pairs")}
    assert stored == {i: (p.status, p.predicted) for i, p in pairs.items()}
    accuracy = lab.ask("SELECT count() FROM accuracy WHERE window = 'all'")
    assert accuracy == [(len(expected),)]


def load(count: int) -> list[Prediction | Outcome]:
    """So many predictions, each with one outcome, which come in another order."""
    context = AssayContext("L1")
    predictions = [
        Prediction(f"p{i}", 0, False, f"M{i}", "a", AssayContext(), "net", "1", float(i))
        for i in range(count)
    ]
    outcomes = [
        Outcome(f"o{i}", 0, False, f"M{i}", "a", context, float(i), measured_at=i)
        for i in range(count)
    ]
    random.Random(1).shuffle(outcomes)
    return [*predictions, *outcomes]


def kill_family(pid: int) -> None:
    """End a stage's launcher and the stage with -9."""
    launcher = psutil.Process(pid)
    family = [*launcher.children(recursive=True), launcher]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=10)


def test_no_pair_is_lost_or_doubled_when_workers_are_killed_under_load(
    storing_lab: PipelineLab,
) -> None:
    lab = storing_lab
    lab.publish(load(EVENTS))
    with lab.stages("join", "monitor", "sink") as running:
        await_that(lambda: lab.end("pairs") > EVENTS / 10, running)
        for stage in ("join 1", "monitor 1", "sink 1"):
            kill_family(running.process_ids[stage])
        assert lab.end("pairs") < EVENTS, "the kill must fall into the load"
        await_that(lambda: lab.ask("SELECT count() FROM pairs") == [(EVENTS,)], running)
        scored = (
            "SELECT n FROM accuracy WHERE window = 'all' AND metric = 'rmse' "
            "AND segment_field IS NULL"
        )
        await_that(lambda: lab.ask(scored) == [(EVENTS,)], running)
    assert len(lab.said) == 3, "each kill is told"
    ids = [pair.pair_id for pair in lab.events("pairs", Pair)]
    assert len(ids) == len(set(ids)) == EVENTS
    assert lab.ask("SELECT count(), uniqExact(pair_id) FROM pairs_rows FINAL") == [(EVENTS, EVENTS)]


def test_a_restart_goes_on_where_it_stopped_with_and_without_its_store(lab: PipelineLab) -> None:
    events = load(300)
    predictions, outcomes = events[:300], events[300:]
    lab.publish(predictions)
    with lab.stages("join") as running:
        lab.publish(outcomes[:100])
        await_that(lambda: len(lab.committed("pairs")) == 100, running)
    lab.publish(outcomes[100:200])
    with lab.stages("join") as running:
        await_that(lambda: len(lab.committed("pairs")) == 200, running)
    # As on another machine: nothing but the changelog is left.
    shutil.rmtree(lab.settings.state_dir / "stores")
    lab.publish([*outcomes[150:250], *outcomes[200:]])
    with lab.stages("join") as running:
        await_that(lambda: len(lab.committed("pairs")) >= 300, running)
    ids = [pair.pair_id for pair in lab.events("pairs", Pair)]
    assert len(ids) == len(set(ids)) == 300


def test_workers_that_join_and_leave_lose_and_double_nothing(lab: PipelineLab) -> None:
    logs = lab.settings.state_dir / "logs"

    def assignments(number: int) -> list[str]:
        log = (logs / f"stage-join-{number}.log").read_text()
        return re.findall(r"works on partitions (\[.*?\])", log)

    events = load(EVENTS)
    with lab.stages("join", processes=2) as running:
        lab.publish(events[: EVENTS + EVENTS // 2])
        await_that(lambda: lab.end("pairs") > EVENTS / 20, running)
        leaving = psutil.Process(running.process_ids["join 2"])
        leaving.terminate()
        lab.publish(events[EVENTS + EVENTS // 2 :])
        await_that(lambda: len(lab.live_pairs()) == EVENTS, running)
    ids = [pair.pair_id for pair in lab.events("pairs", Pair)]
    assert len(ids) == len(set(ids)) == EVENTS
    # Each had two of the four partitions at some time, and always both inputs of each: a lane
    # whose inputs were apart could not have found its pairs.
    assert any(len(a) == len("[0, 1]") for a in assignments(1) + assignments(2))
    assert "ended with code 0" in lab.said[0]
