"""The join against its batch oracle: any events, in any order, more than once."""

import random
from collections import Counter
from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_pairing_oracle import CODEC, AnyEvent, LivePair, live_pairs

from processors import join_records
from processors.join import Join
from processors.options import DAY_US, Options
from processors.store import MemoryStore
from schemas.events import AssayContext, Event, LatePair, Metric, Outcome, Pair, Prediction

OPTIONS = Options(retention_days=3)
levels = st.sampled_from([None, None, None, "x", "y"])
stated = st.builds(AssayContext, levels, levels)
measured = st.builds(AssayContext, *[st.sampled_from(["x", "x", "x", "y", None])] * 2)
times = st.none() | st.integers(-2, 3).map(lambda days: days * DAY_US)
values = st.sampled_from([0.0, 1.5, -2.25, 1e9])
labels = st.sampled_from([None, "hit", "miss"])
revisions = st.integers(0, 3)
retractions = st.sampled_from([False] * 6 + [True])
# The second is the first as another system spells it.
molecules = st.sampled_from(["m", "m", "m", "m", " m\t", "n"])


@st.composite
def prediction(draw: st.DrawFn) -> Prediction:
    molecule = draw(molecules)
    return Prediction(
        event_id=f"{molecule.strip()} p{draw(st.integers(0, 4))}",
        revision=draw(revisions),
        retracted=draw(retractions),
        molecule_id=molecule,
        assay_id="a",
        context=draw(stated),
        model_id=draw(st.sampled_from(["net"] * 5 + ["tree"])),
        model_version=draw(st.sampled_from(["1"] * 5 + ["2"])),
        value=draw(st.none() | values),
        label=draw(labels),
        predicted_at=draw(times),
    )


@st.composite
def outcome(draw: st.DrawFn) -> Outcome:
    molecule = draw(molecules)
    return Outcome(
        event_id=f"{molecule.strip()} o{draw(st.integers(0, 3))}",
        revision=draw(revisions),
        retracted=draw(retractions),
        molecule_id=molecule,
        assay_id="a",
        context=draw(measured),
        value=draw(st.none() | values),
        label=draw(labels),
        qualifier=draw(st.sampled_from([None, "=", ">", "~"])),
        measured_at=draw(times),
    )


events_of_a_lab = st.lists(st.one_of(prediction(), outcome()), min_size=4, max_size=18)


def joined(events: Sequence[AnyEvent], outcomes_at_once: int | None = None) -> list[Event]:
    """Say what the join says; with `outcomes_at_once` every prediction comes to a hot key."""
    hot = {} if outcomes_at_once is None else {"outcomes_at_once": outcomes_at_once}
    join, store = Join(CODEC, OPTIONS, **hot), MemoryStore()
    said: list[Event] = []
    for sequence, event in enumerate(events, 1):
        followed = join.process(event, sequence, store)
        pairs = [pair for pair in followed if isinstance(pair, (Pair, LatePair))]
        rows = [(type(pair), pair.pair_id) for pair in pairs]
        assert len(rows) == len(set(rows)), "one event says a pair once"
        said += followed
        if hot and sequence % 3 == 0:
            said += join.flush(store, quiet=False)
    said += join.flush(store, quiet=True)
    while join.working:
        said += join.flush(store, quiet=True)
    return said


def rows_of(said: Sequence[Event]) -> list[Pair | LatePair]:
    return [event for event in said if isinstance(event, (Pair, LatePair))]


def latest(said: Sequence[Event]) -> dict[tuple[str, str], Pair | LatePair]:
    newest: dict[tuple[str, str], Pair | LatePair] = {}
    for row in rows_of(said):
        name = (type(row).__name__, row.pair_id)
        if name not in newest or row.row_version >= newest[name].row_version:
            newest[name] = row
    return newest


def stands(row: Pair | LatePair) -> bool:
    return not row.retracted if isinstance(row, LatePair) else row.status != "retracted"


def live(said: Sequence[Event]) -> dict[str, Pair | LatePair]:
    """Return the pairs and late pairs that stand, by pair id, each on one topic only."""
    standing = [row for row in latest(said).values() if stands(row)]
    found = {row.pair_id: row for row in standing}
    assert len(found) == len(standing), "a pair stands among the late ones, too"
    return found


def as_oracle(pairs: dict[str, Pair | LatePair]) -> dict[tuple[str, str], LivePair]:
    found = {}
    for pair in pairs.values():
        ids = pair.prediction.event_id, pair.outcome.event_id
        assert ids not in found, "two pair ids for one pair"
        status = pair.status if isinstance(pair, Pair) else "late"
        found[ids] = LivePair(status, pair.prediction, pair.outcome)
        if isinstance(pair, Pair):
            assert pair.predicted == pair.prediction.value
            assert pair.measured == pair.outcome.value
    return found


def expected_of(events: Sequence[AnyEvent]) -> dict[tuple[str, str], LivePair]:
    return live_pairs(events, OPTIONS.retention_days * DAY_US)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events_of_a_lab)
def test_pairs_are_those_of_the_batch(events: list[AnyEvent]) -> None:
    assert as_oracle(live(joined(events))) == expected_of(events)


@pytest.mark.parametrize("outcomes_at_once", [1, 2])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=events_of_a_lab)
def test_pairs_made_piece_by_piece_are_those_of_the_batch(
    outcomes_at_once: int, events: list[AnyEvent]
) -> None:
    assert as_oracle(live(joined(events, outcomes_at_once))) == expected_of(events)


@pytest.mark.parametrize(("group_events_max", "bytes_at_hand_max"), [(1, 10**6), (3, 0), (99, 0)])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=events_of_a_lab)
def test_what_is_at_hand_makes_no_difference(
    group_events_max: int, bytes_at_hand_max: int, events: list[AnyEvent]
) -> None:
    few = {"GROUP_EVENTS_MAX": group_events_max, "BYTES_AT_HAND_MAX": bytes_at_hand_max}
    with patch.multiple(join_records, **few):
        assert rows_of(joined(events)) == joined_from_the_store(events)


def joined_from_the_store(events: Sequence[AnyEvent]) -> list[Pair | LatePair]:
    """Say what the join says when a new one goes on with the store for every event."""
    store = MemoryStore()
    said: list[Event] = []
    for sequence, event in enumerate(events, 1):
        join = Join(CODEC, OPTIONS)
        join.prepare([event], store)
        said += join.process(event, sequence, store)
        join.flush(store, quiet=False)
    return rows_of(said)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_order_and_duplicates_leave_no_trace(data: st.DataObject) -> None:
    events = data.draw(events_of_a_lab)
    again = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events)))))
    one, other = live(joined(events)), live(joined(again))
    assert {i: p._replace(row_version=0) for i, p in one.items()} == {
        i: p._replace(row_version=0) for i, p in other.items()
    }
    assert as_oracle(other) == expected_of(events)


def crowded(rng: random.Random) -> list[AnyEvent]:
    """Return 60 events of one molecule: many rivals and replicates, which generated lists lack."""
    revisions = [0, 0, 1, 2, 3]
    stated, measured = [None, None, None, "x", "y"], ["x", "x", "y", None]

    def prediction() -> Prediction:
        context = AssayContext(rng.choice(stated), rng.choice(stated))
        return P._replace(
            event_id=f"p{rng.randrange(12)}",
            revision=rng.choice(revisions),
            retracted=rng.random() < 0.15,
            molecule_id=rng.choice(["m", " m\t"]),
            context=context,
            model_id=rng.choice(["net", "net", "tree"]),
            model_version=rng.choice(["1", "1", "2"]),
            value=rng.choice([None, 1.5, 1e9]),
            predicted_at=rng.choice([None, *(day * DAY_US for day in range(8))]),
        )

    def outcome() -> Outcome:
        return O._replace(
            event_id=f"o{rng.randrange(6)}",
            revision=rng.choice(revisions),
            retracted=rng.random() < 0.15,
            context=AssayContext(rng.choice(measured), rng.choice(measured)),
            value=rng.choice([0.0, -2.0, None]),
            measured_at=rng.choice([None, *(day * DAY_US for day in range(2, 8))]),
        )

    return [prediction() if rng.random() < 0.6 else outcome() for _ in range(60)]


@pytest.mark.parametrize("seed", range(40))
def test_a_crowded_molecule_pairs_as_the_batch_in_any_order(seed: int) -> None:
    rng = random.Random(seed)
    events = crowded(rng)
    expected = expected_of(events)
    for outcomes_at_once in (None, 2, 5):
        assert as_oracle(live(joined(events, outcomes_at_once))) == expected
        events = [*events, *rng.sample(events, 5)]
        rng.shuffle(events)


def test_crowded_molecules_meet_every_status() -> None:
    pairs = [p for seed in range(40) for p in expected_of(crowded(random.Random(seed))).values()]
    counts = Counter(pair.status for pair in pairs)
    statuses = ("paired", "superseded", "retrospective", "late")
    assert min(counts[status] for status in statuses) > 50


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events_of_a_lab)
def test_an_event_says_only_what_it_changed(events: list[AnyEvent]) -> None:
    known: dict[tuple[str, str], Pair | LatePair] = {}
    for row in rows_of(joined(events)):
        name = (type(row).__name__, row.pair_id)
        before = known.get(name)
        if before is None:
            assert stands(row), "a retraction of what was never said"
        else:
            assert before.row_version < row.row_version
            assert before._replace(row_version=0) != row._replace(row_version=0)
        known[name] = row


P = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.0, predicted_at=10)
O = Outcome("o", 0, False, "m", "a", AssayContext("L1", "I1"), 2.0, measured_at=20)  # noqa: E741


def test_a_retracted_pair_carries_no_values() -> None:
    said = joined([P, O, O._replace(revision=1, retracted=True)])
    (pair,) = latest(said).values()
    assert (pair.status, pair.predicted, pair.measured) == ("retracted", None, None)


def test_a_lower_revision_that_comes_late_says_nothing() -> None:
    said = joined([P, O._replace(revision=2), O._replace(revision=1, value=9.0)])
    assert [pair.measured for pair in said if isinstance(pair, Pair)] == [2.0]


def test_of_two_contents_of_one_revision_every_order_keeps_the_same() -> None:
    both = [O._replace(value=3.0), O._replace(value=4.0)]
    kept = [next(iter(live(joined([P, *order])).values())) for order in (both, both[::-1])]
    assert kept[0].measured == kept[1].measured
    assert kept[0].measured in (3.0, 4.0)


def test_replicates_and_their_values_stay_apart() -> None:
    replicates = [O._replace(event_id=f"o{i}", value=float(i)) for i in range(30)]
    random.Random(1).shuffle(replicates)
    pairs = live(joined([*replicates[:15], P, *replicates[15:]]))
    assert sorted(pair.measured or 0.0 for pair in pairs.values()) == [float(i) for i in range(30)]
    assert {pair.status for pair in pairs.values()} == {"paired"}


def test_keys_that_start_alike_stay_apart() -> None:
    others: list[AnyEvent] = [
        O._replace(event_id="1", molecule_id="m2"),
        O._replace(event_id="2", assay_id="a2"),
        O._replace(event_id="3", molecule_id="ma", assay_id="a"),
        P._replace(event_id="4", molecule_id="m", assay_id=""),
    ]
    assert live(joined([P, *others])) == {}


def test_an_id_of_a_prediction_may_be_that_of_an_outcome() -> None:
    (pair,) = live(joined([P._replace(event_id="same"), O._replace(event_id="same")])).values()
    assert pair.prediction.event_id == pair.outcome.event_id == "same"


@pytest.mark.parametrize("order", [0, 1])
def test_events_that_move_to_another_molecule_pair_there_in_any_order(order: int) -> None:
    """The publisher says a move as a retraction under the old key and an event under the new.

    The two keys are two lanes, so either may be read first.
    """
    moved_p = P._replace(revision=1, molecule_id="n")
    moved_o = O._replace(revision=1, molecule_id="n")
    leave: list[AnyEvent] = [
        P._replace(revision=1, retracted=True),
        O._replace(revision=1, retracted=True),
    ]
    ways = ([*leave, moved_p, moved_o], [moved_p, moved_o, *leave])
    pairs = live(joined([P, O, *ways[order]]))
    assert [(pair.status, pair.prediction.molecule_id) for pair in pairs.values()] == [
        ("paired", "n")
    ]


def test_one_id_under_two_molecules_gives_two_pairs() -> None:
    """Ids such as "1" come back in files of other molecules; their pairs must not meet."""
    events: list[AnyEvent] = [P, O, P._replace(molecule_id="n"), O._replace(molecule_id="n")]
    assert len(live(joined(events))) == 2


def test_a_revision_that_changes_the_model_retracts_the_pair_of_the_old_one() -> None:
    """Pairs are keyed by model: the lane of the old one hears of it in no other way."""
    said = joined([P, O, P._replace(revision=1, model_id="tree")])
    last = {pair.prediction.model_id: pair.status for pair in said if isinstance(pair, Pair)}
    assert last == {"net": "retracted", "tree": "paired"}


def test_the_join_takes_nothing_but_predictions_and_outcomes() -> None:
    metric = Metric("net", "1", "a", None, None, "all", "n", 1.0, None, None, 1, None, 1)
    with pytest.raises(TypeError):
        Join(CODEC).process(metric, 1, MemoryStore())


def test_the_join_goes_on_from_its_store() -> None:
    store = MemoryStore()
    assert Join(CODEC).process(P, 1, store) == []
    (pair,) = Join(CODEC).process(O, 2, store)
    assert isinstance(pair, Pair)
    assert (pair.predicted, pair.measured, pair.row_version) == (1.0, 2.0, 2)
