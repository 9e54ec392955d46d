"""Series: which a pair belongs to, and what of a pair enters accuracy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.day_windows import day_of
from processors.pairing import pair_of
from processors.series import Compared, Scored, SeriesName, scored, series_of
from processors.series_state import SeriesState
from processors.store import MemoryStore
from processors.window_sums import summed_of
from schemas.errors import InvalidValueError, RefusedStateError
from schemas.events import CONTEXT_FIELDS, AssayContext, Outcome, Prediction
from schemas.validation import check_event

P = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.5, "hit", 0.7)
O = Outcome("o", 0, False, "m", "a", AssayContext("L1"), 1.0, "miss", measured_at=5)  # noqa: E741

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@settings(max_examples=200, deadline=None)
@given(text, st.lists(st.none() | text, min_size=4, max_size=4))
def test_the_name_of_every_series_comes_back(version: str, levels: list[str | None]) -> None:
    prediction = P._replace(model_version=version)
    outcome = O._replace(context=AssayContext(*levels))
    try:
        check_event(prediction)
        check_event(outcome)
    except InvalidValueError:
        return
    record = scored(pair_of(prediction, outcome, "paired", 1))
    assert record is not None
    names = series_of(record)
    assert names[0] == SeriesName(version, None, None)
    # Only None means "not stated": a blank that enters makes a segment that loses its name.
    for name in names:
        assert SeriesName.from_bytes(name.to_bytes()) == name
    assert len({name.to_bytes() for name in names}) == len(names)


def test_there_is_a_segment_for_every_stated_factor() -> None:
    outcome = O._replace(context=AssayContext("L1", "I1", "ann", "v2"))
    record = scored(pair_of(P, outcome, "paired", 1))
    assert record is not None
    fields = [(name.field, name.value) for name in series_of(record)]
    values = ("L1", "I1", "ann", "v2")
    assert fields == [(None, None), *zip(CONTEXT_FIELDS, values, strict=True)]


@pytest.mark.parametrize(
    ("status", "qualifier", "enters"),
    [
        ("paired", None, True),
        ("paired", "=", True),
        ("paired", ">", False),
        ("paired", "<=", False),
        ("paired", "~", False),
        ("superseded", None, False),
        ("retrospective", None, False),
        ("retracted", None, False),
    ],
)
def test_what_enters_accuracy(status: str, qualifier: str | None, enters: bool) -> None:
    pair = pair_of(P, O._replace(qualifier=qualifier), status, 1)
    assert (scored(pair) is not None) is enters


def test_a_pair_that_compares_nothing_does_not_enter() -> None:
    value_only = P._replace(label=None, probability=None)
    label_only = O._replace(value=None, label="hit")
    assert scored(pair_of(value_only, label_only, "paired", 1)) is None
    ranked = scored(pair_of(P._replace(label=None, value=None), label_only, "paired", 1))
    assert ranked is not None
    assert (ranked.numeric, ranked.labelled, ranked.error) == (False, False, None)


def test_the_error_is_prediction_less_outcome_or_whether_labels_differ() -> None:
    pairs = [
        pair_of(P, O, "paired", 1),
        pair_of(P._replace(value=None), O, "paired", 1),
        pair_of(P._replace(value=None, label="miss"), O, "paired", 1),
    ]
    assert [r.error for r in map(scored, pairs) if r is not None] == [0.5, 1.0, 0.0]


def test_a_scored_pair_names_its_molecule() -> None:
    record = scored(pair_of(P, O._replace(molecule_id="CCO"), "paired", 1))
    assert record is not None and record.molecule_id == "CCO"
    assert record.compared == Compared(1.5, 1.0, "hit", "miss", 0.7)


numbers = st.floats(-1e100, 1e100)
records = st.builds(
    Scored,
    st.just("1"),
    st.none() | st.integers(-(2**50), 2**50),
    st.tuples(*[st.none() | text] * 4),
    *[st.none() | numbers] * 2,
    *[st.none() | text] * 2,
    st.none() | st.floats(0, 1),
    text,
    st.none() | st.floats(0, 1),
)


@settings(max_examples=150, deadline=None)
@given(records)
def test_a_record_comes_back_as_it_was(record: Scored) -> None:
    assert Scored.from_bytes(record.to_bytes()) == record
    assert Compared.from_bytes(record.compared.to_bytes()) == record.compared


@pytest.mark.parametrize("data", [b"", b"no", b"\x91\x01", b"\x98" + b"\xa1\xff" * 8])
def test_damage_is_refused(data: bytes) -> None:
    for kind in (Scored, Compared):
        with pytest.raises(RefusedStateError):
            kind.from_bytes(data)


def change(state: SeriesState, record: Scored, by: int) -> None:
    step = state.add if by > 0 else state.remove
    step(summed_of(record.compared), day_of(record.at), 1)


def records_of(state: SeriesState, store: MemoryStore) -> list[tuple[bytes, bytes]]:
    state.changed, state.sequence = 0, 1
    state.save(store)
    return list(store.scan(b""))


@settings(max_examples=25, deadline=None)
@given(st.lists(records, max_size=12), st.data())
def test_a_state_comes_back_and_forgets_what_is_removed(
    given_records: list[Scored], data: st.DataObject
) -> None:
    name = SeriesName("1", None, None)
    state, store = SeriesState(b"net", name), MemoryStore()
    for record in given_records:
        change(state, record, 1)
    state.save(store)
    again, store_again = SeriesState.load(b"net", name, store), MemoryStore()
    for key, value in store.scan(b""):
        store_again.put(key, value)
    assert records_of(again, store_again) == records_of(state, store)
    places = data.draw(st.sets(st.sampled_from(range(len(given_records))))) if given_records else ()
    rest = [given_records[place] for place in places]
    gone = list(given_records)
    for record in rest:
        gone.remove(record)
    for record in gone:
        change(again, record, -1)
    fresh, store_fresh = SeriesState(b"net", name), MemoryStore()
    for record in rest:
        change(fresh, record, 1)
    # The sums of every day included: a day without pairs has no record.
    assert records_of(again, store_again) == records_of(fresh, store_fresh)
