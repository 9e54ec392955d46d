"""The benchmarks' oracle, on a case worked out by hand and beside the product's own join."""

from benchmarks.engine import WrittenPair
from benchmarks.oracle import Tally, TruePair, pairs_of, tally
from benchmarks.workload import Event, events
from processors.join import Join
from processors.pairing import RETRACTED
from processors.store import MemoryStore
from schemas.codec import Codec
from schemas.events import AssayContext, Outcome, Pair, Prediction
from schemas.table import SchemaTable

ANY, READER_1, READER_2 = (
    AssayContext(),
    AssayContext(instrument="reader-1"),
    AssayContext(instrument="reader-2"),
)


def prediction(event_id: str, model: str, context: AssayContext, at: int) -> Prediction:
    return Prediction(
        event_id, 0, False, "ethanol", "logP", context, model, "1", 1.0, predicted_at=at
    )


GENERAL = prediction("general", "gnn", ANY, 5)
SPECIFIC = prediction("specific", "gnn", READER_1, 1)
ELSEWHERE = prediction("elsewhere", "forest", READER_2, 1)
AFTERWARDS = prediction("afterwards", "forest", ANY, 11)
MEASURED = Outcome(
    "measured", 0, False, "ethanol", "logP", AssayContext("lot-1", "reader-1"), 1.2, measured_at=10
)
OTHER_ASSAY = MEASURED._replace(event_id="other assay", assay_id="logD")
STORY: list[Event] = [MEASURED, GENERAL, SPECIFIC, ELSEWHERE, OTHER_ASSAY, AFTERWARDS]
STORY += [GENERAL._replace(revision=1, value=2.0), MEASURED]

# The general prediction is the later one of its model, but the other one states the instrument.
BY_HAND = {
    ("general", "measured"): TruePair(1, 0, "superseded"),
    ("specific", "measured"): TruePair(0, 0, "paired"),
    ("afterwards", "measured"): TruePair(0, 0, "retrospective"),
}


def test_oracle_finds_the_pairs_worked_out_by_hand() -> None:
    assert pairs_of(STORY) == BY_HAND
    assert pairs_of(reversed(STORY)) == BY_HAND


def test_tally_counts_only_what_is_right_and_stands() -> None:
    right = [
        WrittenPair(key, truth.prediction_revision, truth.outcome_revision, (1, 0), truth.status)
        for key, truth in BY_HAND.items()
    ]
    assert tally(right, BY_HAND) == Tally(found=3, wrong=0)
    assert tally([pair._replace(status=None) for pair in right], BY_HAND) == Tally(3, 0)

    stale = right[0]._replace(prediction_revision=0, order=(0, 9))
    assert tally([stale, *right], BY_HAND) == Tally(found=3, wrong=0)
    assert tally([*right, stale], BY_HAND) == Tally(found=3, wrong=0)
    assert tally([*right, stale._replace(order=(2, 0))], BY_HAND) == Tally(found=2, wrong=1)
    assert tally([*right, right[1]._replace(order=(2, 0), stands=False)], BY_HAND) == Tally(2, 0)
    assert tally([right[1]._replace(status="superseded")], BY_HAND) == Tally(0, 1)
    unheard_of = right[0]._replace(key=("elsewhere", "measured"))
    assert tally([*right, unheard_of], BY_HAND) == Tally(found=3, wrong=1)


def test_oracle_and_the_product_agree_on_a_generated_input() -> None:
    made = events("full", 3_000, 5, 1_790_000_000_000_000)
    codec, store = Codec(SchemaTable()), MemoryStore()
    join = Join(codec)
    said = [
        pair for number, event in enumerate(made) for pair in join.process(event, number, store)
    ]
    written = [
        WrittenPair(
            (pair.prediction.event_id, pair.outcome.event_id),
            pair.prediction.revision,
            pair.outcome.revision,
            (pair.row_version, number),
            pair.status,
            pair.status != RETRACTED,
        )
        for number, pair in enumerate(said)
        if isinstance(pair, Pair)
    ]
    there = pairs_of(made)
    assert {truth.status for truth in there.values()} == {"paired", "superseded", "retrospective"}
    assert tally(written, there) == Tally(found=len(there), wrong=0)
