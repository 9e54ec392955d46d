"""Label coverage, expiry and dropping: the join's counts against a batch over the same events."""

import random
from collections import Counter
from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_join import OPTIONS as SHORT
from test_join import O, P, events_of_a_lab, expected_of
from test_pairing_oracle import CODEC, AnyEvent, newest_revisions

from processors import join_group, join_records
from processors.join import Join
from processors.join_records import JOINED, event_type_of
from processors.options import DAY_US, Options
from processors.store import MemoryStore
from schemas.events import Coverage, DeadLetter, Event, Outcome, Pair, Prediction, Tick

Counted = tuple[int, int, int]
Place = tuple[str, str, str]
OPTIONS = Options(retention_days=10, slack_days=5)


def day(number: float) -> int:
    return int(number * DAY_US)


class Lane:
    """A join and its store; `said` is all that came of it."""

    def __init__(self, options: Options = OPTIONS, lane: int = 0) -> None:
        self.options, self.lane = options, lane
        self.join, self.store = Join(CODEC, options, lane), MemoryStore()
        self.said: list[Event] = []
        self.sequence = 0

    def take(self, *events: Event, quiet: bool = True) -> None:
        for event in events:
            self.sequence += 1
            self.said += self.join.process(event, self.sequence, self.store)
        self.flush(quiet)

    def flush(self, quiet: bool = True) -> None:
        self.said += self.join.flush(self.store, quiet)
        while quiet and self.join.working:
            self.said += self.join.flush(self.store, quiet)

    def restart(self) -> None:
        self.join = Join(CODEC, self.options, self.lane)

    def counts(self) -> dict[Place, Counted]:
        """The newest counts of each place, without those of nothing."""
        newest: dict[Place, Coverage] = {}
        for row in self.said:
            if isinstance(row, Coverage):
                place = (row.model_id, row.model_version, row.assay_id)
                assert place not in newest or row.row_version > newest[place].row_version
                newest[place] = row
        found = {p: (c.predictions, c.labelled, c.expired) for p, c in newest.items()}
        return {place: counted for place, counted in found.items() if any(counted)}

    def kept(self, kind: type[Prediction] | type[Outcome]) -> int:
        return sum(event_type_of(key) is kind for key, _ in self.store.scan(JOINED))


def counted_in_batch(events: Sequence[AnyEvent], now: int | None) -> dict[Place, Counted]:
    """Counts from the final set of events, by the words of the design."""
    answered = {
        (pair.prediction.molecule_id.strip(), ids[0])
        for ids, pair in expected_of(events).items()
        if pair.status in ("paired", "superseded")
    }
    predictions: Counter[Place] = Counter()
    labelled: Counter[Place] = Counter()
    expired: Counter[Place] = Counter()
    for p in newest_revisions(events):
        if isinstance(p, Outcome) or p.retracted:
            continue
        place = (p.model_id, p.model_version, p.assay_id.strip())
        predictions[place] += 1
        if (p.molecule_id.strip(), p.event_id) in answered:
            labelled[place] += 1
        elif now is not None and p.predicted_at is not None:
            last_day = (p.predicted_at + SHORT.retention_days * DAY_US) // DAY_US
            expired[place] += last_day < now // DAY_US
    return {place: (predictions[place], labelled[place], expired[place]) for place in predictions}


ticks = st.lists(st.integers(-3, 9).map(day), max_size=3)


# Labelled predictions say so in their records: where that is slow to work out, always, never.
@pytest.mark.parametrize("limits", [(2, 99), (0, 99), (99, 3), (99, 99)])
@pytest.mark.parametrize("restarts", [False, True])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_counts_are_those_of_the_batch_in_any_order(
    restarts: bool, limits: tuple[int, int], data: st.DataObject
) -> None:
    events: list[AnyEvent] = data.draw(events_of_a_lab)
    times = data.draw(ticks)
    order: list[Event] = data.draw(st.permutations([*events, *(Tick(0, at) for at in times)]))
    lane = Lane(SHORT._replace(slack_days=100))
    meetings_max, group_events_max = limits
    with (
        patch.object(join_group, "MEETINGS_MAX", meetings_max),
        patch.object(join_records, "GROUP_EVENTS_MAX", group_events_max),
    ):
        for number, event in enumerate(order):
            if restarts and number % 4 == 0:
                lane.restart()
            lane.take(event, quiet=number % 3 == 0)
        lane.flush()
    assert lane.counts() == counted_in_batch(events, max(times, default=None))


def test_a_prediction_expires_and_an_outcome_that_comes_reverts_it() -> None:
    lane = Lane()
    net = ("net", "1", "a")
    lane.take(Tick(0, day(0)), P._replace(predicted_at=day(1)))
    lane.take(Tick(0, day(11.9)))
    assert lane.counts()[net] == (1, 0, 0), "the last day is not over"
    lane.take(Tick(0, day(12)))
    assert lane.counts()[net] == (1, 0, 1)
    measured = O._replace(measured_at=day(11))
    lane.take(measured)
    assert lane.counts()[net] == (1, 1, 0)
    lane.take(measured._replace(revision=1, retracted=True))
    assert lane.counts()[net] == (1, 0, 1)
    lane.take(P._replace(predicted_at=day(5), revision=1))
    assert lane.counts()[net] == (1, 0, 0), "made later, it has time again"
    lane.take(Tick(0, day(20)))
    assert lane.counts()[net] == (1, 0, 1)


def test_each_assay_has_its_retention() -> None:
    lane = Lane(OPTIONS._replace(retention_days_by_assay={"fast": 2}))
    predicted = P._replace(predicted_at=0)
    measured = O._replace(measured_at=day(3))
    lane.take(predicted, measured)
    lane.take(predicted._replace(assay_id=" fast"), measured._replace(assay_id="fast"))
    topics = [type(event).__name__ for event in lane.said if not isinstance(event, Coverage)]
    assert topics == ["Pair", "LatePair"]
    assert lane.counts()[("net", "1", "fast")] == (1, 0, 0)


def test_counts_carry_the_number_of_their_lane() -> None:
    lane = Lane(lane=5)
    lane.take(P)
    assert {row.lane for row in lane.said if isinstance(row, Coverage)} == {5}


def test_records_are_dropped_when_nothing_can_need_them_and_counts_stay() -> None:
    lane = Lane()
    lane.take(Tick(0, day(0)), P._replace(predicted_at=day(1)), O._replace(measured_at=day(2)))
    lane.take(Tick(0, day(2 + 10 + 5)))
    assert (lane.kept(Prediction), lane.kept(Outcome)) == (1, 1)
    lane.take(Tick(0, day(2 + 10 + 5 + 1)))
    assert (lane.kept(Prediction), lane.kept(Outcome)) == (1, 0)
    lane.take(Tick(0, day(1 + 2 * 10 + 5 + 1)))
    assert lane.kept(Prediction) == 0
    assert lane.counts()[("net", "1", "a")] == (1, 1, 0)
    assert [row.status for row in lane.said if isinstance(row, Pair)] == ["paired"]


def test_a_prediction_stays_labelled_when_what_answered_it_is_dropped() -> None:
    lane = Lane()
    predicted = P._replace(predicted_at=day(1))
    lane.take(Tick(0, day(0)), predicted, O._replace(measured_at=day(2)), Tick(0, day(18)))
    assert (lane.kept(Prediction), lane.kept(Outcome)) == (1, 0)
    lane.restart()
    lane.take(predicted._replace(revision=1, retracted=True))
    assert lane.counts() == {}


@pytest.mark.parametrize("tick_first", [True, False])
def test_old_results_that_are_loaded_today_meet_each_other(tick_first: bool) -> None:
    today = Tick(0, day(5000))
    lane = Lane()
    archive: list[Event] = [P._replace(predicted_at=day(1)), today]
    lane.take(*(archive[::-1] if tick_first else archive))
    lane.take(Tick(0, day(5005)))
    lane.take(O._replace(measured_at=day(2)))
    assert [row.status for row in lane.said if isinstance(row, Pair)] == ["paired"]
    lane.take(Tick(0, day(5006)))
    assert lane.kept(Prediction) == 0, "the slack is over"


def test_a_record_without_a_time_is_kept_from_when_it_came() -> None:
    lane = Lane()
    lane.take(P._replace(predicted_at=None), O._replace(measured_at=None))
    lane.take(Tick(0, day(100)))
    lane.take(Tick(0, day(100 + 10 + 5)))
    assert (lane.kept(Prediction), lane.kept(Outcome)) == (1, 1)
    lane.take(Tick(0, day(100 + 10 + 5 + 1)))
    assert (lane.kept(Prediction), lane.kept(Outcome)) == (1, 0)
    lane.take(Tick(0, day(100 + 2 * 10 + 5 + 1)))
    assert lane.kept(Prediction) == 0


def test_a_clock_that_goes_back_takes_nothing_back() -> None:
    lane = Lane()
    lane.take(P._replace(predicted_at=day(1)), Tick(0, day(13)), Tick(0, day(1)))
    assert lane.counts()[("net", "1", "a")] == (1, 0, 1)
    lane.take(P._replace(event_id="q", predicted_at=day(2)))
    assert lane.counts()[("net", "1", "a")] == (2, 0, 2)


def test_many_deadlines_of_one_day_are_worked_off_in_pieces_of_small_records() -> None:
    lane = Lane()
    count = 4_000
    for number in range(count):
        one = P._replace(event_id=f"p{number}", molecule_id=f"m{number}" * 10, predicted_at=day(1))
        lane.sequence += 1
        lane.said += lane.join.process(one, lane.sequence, lane.store)
    lane.take(quiet=True)
    assert max(len(key) + len(value) for key, value in lane.store.scan(b"")) < 65_536
    lane.take(Tick(0, day(12)), quiet=False)
    pieces = 1
    while lane.join.working:
        lane.flush(quiet=False)
        pieces += 1
    lane.flush()
    assert pieces > 2
    assert lane.counts()[("net", "1", "a")] == (count, 0, count)


def test_of_two_contents_of_one_revision_one_becomes_the_same_dead_letter_in_any_order() -> None:
    both = [O._replace(value=3.0), O._replace(value=4.0)]
    letters = set()
    for order in (both, both[::-1], [*both, *both, *both[::-1]]):
        lane = Lane()
        lane.take(*order)
        said = [event for event in lane.said if isinstance(event, DeadLetter)]
        assert said
        letters |= {(letter.dead_letter_id, letter.error, letter.payload) for letter in said}
    ((_, error, payload),) = letters
    assert error == "ConflictingContentError"
    lane = Lane()
    lane.take(P, *both)
    (kept,) = {row.pair_id: row for row in lane.said if isinstance(row, Pair)}.values()
    assert {kept.measured, CODEC.decode(payload, Outcome).value} == {3.0, 4.0}


def test_a_hot_key_makes_small_steps_and_lets_others_through() -> None:
    """A prediction that meets 5,000 outcomes says at most 1,000 pairs a step."""
    lane = Lane()
    outcomes = [O._replace(event_id=f"o{i}", value=float(i), measured_at=20) for i in range(5_000)]
    random.Random(1).shuffle(outcomes)
    for outcome in outcomes:
        lane.sequence += 1
        lane.said += lane.join.process(outcome, lane.sequence, lane.store)
    assert lane.said == []
    lane.sequence += 1
    assert lane.join.process(P, lane.sequence, lane.store) == []
    other = [P._replace(molecule_id="n"), O._replace(molecule_id="n")]
    steps = []
    while lane.join.working:
        steps.append(len(lane.join.flush(lane.store, quiet=False)))
        if len(steps) == 1:
            lane.sequence += 2
            assert lane.join.process(other[0], lane.sequence - 1, lane.store) == []
            assert len(lane.join.process(other[1], lane.sequence, lane.store)) == 1
    assert sum(steps) >= 5_000
    assert max(steps) <= 1_001
