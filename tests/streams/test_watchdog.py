"""What the watchdog ends and what it leaves alone; and a real worker that is really stuck."""

from functools import partial
from pathlib import Path

import pytest
from pipeline_lab import PipelineLab, await_that, outcome, prediction

from streams.addresses import as_environment
from streams.local.stack import LocalStack
from streams.settings.processes import StreamSettings
from streams.supervisor import Supervisor
from streams.unread import Place
from streams.watchdog import Judge, LaneSight, StageSight

STUCK_AFTER_S = 100.0
STUCK_STAGE = Path(__file__).with_name("stuck_stage.py")


class ToldKafka:
    """A Kafka that has unread records for the lanes in `unread`, unless it is `away`."""

    def __init__(self, *unread: int) -> None:
        self.unread = set(unread)
        self.away = False

    def __call__(self, offsets: dict[Place, int]) -> set[Place] | None:
        if self.away:
            return None
        return {place for place in offsets if place[1] in self.unread}


def lane(
    partition: int = 0,
    moved: int = 1,
    *,
    calling_for_s: float | None = None,
    waits: bool = False,
    fed: bool = False,
) -> LaneSight:
    return LaneSight(partition, (moved, moved), calling_for_s, waits, fed, {"lab.outcomes": 7})


def verdicts(
    kafka: ToldKafka, *looks: tuple[float, list[LaneSight]], lost: bool = False
) -> list[str | None]:
    """What is said of one look after the other, each at its time."""
    judge = Judge(STUCK_AFTER_S, kafka)
    return [judge.judge(StageSight(lanes, lost, 0.0), now_s) for now_s, lanes in looks]


def test_a_lane_that_stands_in_one_call_is_found() -> None:
    calls = [(s, [lane(calling_for_s=s), lane(1, moved=int(s))]) for s in (1.0, 50.0, 99.0, 101.0)]
    *before, last = verdicts(ToldKafka(), *calls)
    assert before == [None] * 3
    assert last is not None and "lane 0 has stood in one call for 101 s" in last


def test_a_long_call_in_which_the_lane_moves_is_left_alone() -> None:
    calls = [(s, [lane(moved=int(s), calling_for_s=s)]) for s in (1.0, 60.0, 120.0, 180.0)]
    assert verdicts(ToldKafka(), *calls) == [None] * 4


def test_a_lane_whose_input_nobody_reads_is_found_once_it_has_waited_long_enough() -> None:
    kafka = ToldKafka(1)
    still = [(s, [lane(0), lane(1)]) for s in (0.0, 10.0, 60.0, 109.0, 111.0)]
    *before, last = verdicts(kafka, *still)
    assert before == [None] * 4
    assert last is not None and "input of lane 1 has waited for 101 s" in last


def test_a_lane_without_input_may_be_idle_for_ever() -> None:
    assert verdicts(ToldKafka(), *((s, [lane()]) for s in (0.0, 1e3, 1e6))) == [None] * 3


def test_input_that_comes_after_a_long_rest_has_its_time() -> None:
    kafka = ToldKafka()
    judge = Judge(STUCK_AFTER_S, kafka)
    sight = StageSight([lane()], False, 0.0)
    assert judge.judge(sight, 0.0) is judge.judge(sight, 1e6) is None
    kafka.unread = {0}
    assert judge.judge(sight, 1e6 + 1) is None
    assert judge.judge(sight, 1e6 + 102) is not None


@pytest.mark.parametrize("calling_for_s", [None, 1e4])
def test_a_lane_that_waits_for_a_service_is_left_alone_with_all_others(
    calling_for_s: float | None,
) -> None:
    lanes = [lane(0, waits=True, fed=True, calling_for_s=calling_for_s), lane(1)]
    assert verdicts(ToldKafka(0, 1), *((s, lanes) for s in (0.0, 1e3, 1e4))) == [None] * 3


def test_nothing_is_ended_while_kafka_is_away() -> None:
    kafka = ToldKafka(0)
    kafka.away = True
    stuck = [(s, [lane(calling_for_s=s)]) for s in (0.0, 1e3, 1e4)]
    assert verdicts(kafka, *stuck) == [None] * 3
    assert verdicts(kafka, *((s, [lane()]) for s in (0.0, 1e3, 1e4))) == [None] * 3


def test_a_lane_that_is_not_fed_because_another_is_slow_is_left_alone() -> None:
    kafka = ToldKafka(1)
    judge = Judge(STUCK_AFTER_S, kafka)
    for at_s in (0.0, 100.0, 200.0, 300.0):
        # The agent waits for room with lane 0 nearly all the time.
        sight = StageSight([lane(0, moved=int(at_s), fed=True), lane(1)], False, 0.9 * at_s)
        assert judge.judge(sight, at_s) is None


def test_blocks_that_a_lane_leaves_untouched_are_found() -> None:
    assert verdicts(ToldKafka(), *((s, [lane(fed=True)]) for s in (0.0, 101.0)))[1] is not None


def test_lanes_that_are_assigned_and_never_taken_over_are_found() -> None:
    first, second = verdicts(ToldKafka(), (0.0, []), (101.0, []), lost=True)
    assert first is None and second is not None and "not taken over" in second


def stuck_join(lab: PipelineLab, way: str) -> Supervisor:
    """A join that is stuck in its first life, with one pair to be made."""
    streams = StreamSettings(session_timeout_s=6.0, stuck_after_s=5.0)
    lab.settings = lab.settings.model_copy(update={"streams": streams})
    state_dir = lab.settings.state_dir
    environment = as_environment(lab.settings) | {
        "STUCK_LIVES": str(state_dir / "lives"), "STUCK_WAYS": way,
    }  # fmt: skip
    lab.publish([prediction("M"), outcome("M")])
    entry = [str(STUCK_STAGE)]
    return Supervisor(["join"], 1, environment, state_dir / "logs", lab.said.append, entry)


def has_pair(lab: PipelineLab, joins: list[Supervisor]) -> bool:
    for join in joins:
        join.check()
    return len(lab.committed("pairs")) == 1


def test_a_worker_that_is_stuck_in_any_way_is_ended_and_the_next_one_does_the_work(
    stack: LocalStack, tmp_path: Path
) -> None:
    reasons = {
        "thread": "has stood in one call",
        "agent": "and is not read",
        "interpreter": "held its interpreter",
    }
    labs: dict[str, PipelineLab] = {}
    for way in reasons:
        (tmp_path / way).mkdir()
        labs[way] = PipelineLab(stack, tmp_path / way, partitions=1)
    joins = [stuck_join(lab, way) for way, lab in labs.items()]
    try:
        for join in joins:
            join.start()
        for lab in labs.values():
            await_that(partial(has_pair, lab, joins))
    finally:
        for join in joins:
            join.stop()
    for way, lab in labs.items():
        (said,) = lab.said
        assert reasons[way] in said
        assert len((tmp_path / way / "lives").read_text().splitlines()) == 2
        assert len(lab.live_pairs()) == 1
    log = (tmp_path / "thread" / "logs" / "stage-join-1.log").read_text()
    assert "stuck_in_thread" in log, "the log says where it stood"
