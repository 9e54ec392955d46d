"""The ClickHouse sink on the real engine: what the views say, however rows come in."""

from collections.abc import Sequence

import pandas as pd
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from hypothesis import given, settings
from hypothesis import strategies as st
from sink_examples import ALERT, METRIC, NOON_US, OUTCOME, PAIR, PREDICTION, empty, rows, write

from processors.class_metrics import compute_classes
from processors.summaries.confusion import Confusion
from schemas.events import AssayContext, Coverage, DeadLetter, LatePair, Pair
from schemas.topics import TOPICS
from sinks.clickhouse import ClickHouseSink
from sinks.ddl import names
from sinks.tables import TABLES


def test_every_topic_has_a_table_of_the_columns_it_fills(
    made: ClickHouseSink, writer: Client
) -> None:
    # The time is nothing that rests.
    assert TABLES.keys() == TOPICS.keys() - {"ticks", "alert-commands"}
    assert sorted(table.name for table in TABLES.values()) == names("tables")
    for table in TABLES.values():
        described = [row[0] for row in rows(writer, f"DESCRIBE TABLE {table.name}")]
        assert sorted(described) == sorted(table.columns)


def test_coverage_is_the_sum_of_the_newest_counts_of_every_lane(
    sink: ClickHouseSink, analyst: Client
) -> None:
    lane = Coverage("net", "1", "logP", 0, 10, 4, 1, 2)
    write(
        sink,
        "coverage",
        lane,
        lane._replace(labelled=9, row_version=1),
        lane._replace(lane=3, predictions=20, labelled=5, expired=2, row_version=7),
        lane._replace(model_version="2", predictions=3, labelled=0, expired=0),
    )
    found = rows(
        analyst,
        "SELECT model_version, predictions, labelled, expired, open, coverage FROM coverage "
        "ORDER BY model_version",
    )
    assert found == [("1", 30, 9, 3, 18, 0.75), ("2", 3, 0, 0, 3, None)]


def test_late_pairs_stand_until_they_are_retracted(sink: ClickHouseSink, analyst: Client) -> None:
    measured = OUTCOME._replace(measured_at=NOON_US + 401 * 86_400_000_000)
    late = LatePair("late", 1, False, PREDICTION, measured)
    write(sink, "late", late, late._replace(pair_id="other"))
    write(sink, "late", late._replace(pair_id="other", row_version=2, retracted=True))
    found = rows(analyst, "SELECT pair_id, days, predicted, measured, measured_unit FROM late")
    assert found == [("late", 401, 1.5, 1.25, "nM")]


def test_the_confusion_table_is_rows_of_two_labels(sink: ClickHouseSink, analyst: Client) -> None:
    labels = [("hit", "miss"), ("IC50: < 5 %", "%3A+ω")]
    for count, (measured, predicted) in enumerate(labels, 3):
        confusion = Confusion.of([(predicted, measured)] * count)
        for name, (value, low, high, n, _) in compute_classes(confusion, whole=True):
            figure = {"metric": name, "value": value, "low": low, "high": high, "n": n}
            write(sink, "metrics", METRIC._replace(**figure))
    gone = METRIC._replace(metric="confusion:hit:hit", value=None, low=None, high=None, n=0)
    write(sink, "metrics", gone)
    found = rows(analyst, "SELECT measured_label, predicted_label, results FROM confusion")
    assert sorted(found) == sorted([(*labels[0], 3), (*labels[1], 4)])


@pytest.mark.parametrize("view", names("views"))
def test_an_analyst_reads_every_view_and_writes_none(analyst: Client, view: str) -> None:
    assert analyst.query(f"SELECT * FROM {view}").result_rows is not None
    with pytest.raises(DatabaseError):
        analyst.command(f"DROP VIEW {view}")


def test_values_come_back_exactly(sink: ClickHouseSink, analyst: Client) -> None:
    features: dict[str, float | str] = {"logp": 0.1, "series": "A's \\ ω"}
    early, late = -2_208_988_800_000_000, 7_258_118_399_999_999
    write(
        sink,
        "predictions",
        PREDICTION._replace(uncertainty=0.1, features=features, predicted_at=early),
        PREDICTION._replace(event_id="q", value=None, label="active", predicted_at=late),
        PREDICTION._replace(event_id="r", context=AssayContext(), predicted_at=None),
    )
    found = rows(
        analyst,
        "SELECT value, label, uncertainty, toUnixTimestamp64Micro(predicted_at), features, "
        "feature_labels, reagent_batch, operator FROM predictions ORDER BY event_id",
    )
    assert found == [
        (1.5, None, 0.1, early, {"logp": 0.1}, {"series": "A's \\ ω"}, "lot 7", None),
        (None, "active", None, late, {}, {}, "lot 7", None),
        (1.5, None, None, None, {}, {}, None, None),
    ]


def test_the_highest_revision_counts_also_when_an_older_one_comes_later(
    sink: ClickHouseSink, analyst: Client
) -> None:
    big = 2**53 - 1
    write(sink, "outcomes", OUTCOME._replace(revision=big, value=3.0))
    write(sink, "outcomes", OUTCOME, OUTCOME._replace(revision=big - 1, value=2.0))
    assert rows(analyst, "SELECT revision, value FROM outcomes") == [(big, 3.0)]


def test_of_two_contents_of_one_revision_the_same_one_counts_in_any_order(
    sink: ClickHouseSink, analyst: Client, writer: Client
) -> None:
    contents = [PREDICTION._replace(value=float(n)) for n in range(6)]
    winners = set()
    for order in (contents, contents[::-1], contents[3:] + contents[:3]):
        empty(writer)
        for event in order:
            write(sink, "predictions", event)
        winners |= set(rows(analyst, "SELECT value FROM predictions"))
    assert len(winners) == 1


def test_retracted_events_are_out_until_a_later_revision_states_them_again(
    sink: ClickHouseSink, analyst: Client
) -> None:
    write(sink, "outcomes", OUTCOME, OUTCOME._replace(event_id="o2"))
    write(sink, "outcomes", OUTCOME._replace(revision=1, retracted=True, value=None))
    assert rows(analyst, "SELECT event_id FROM outcomes") == [("o2",)]
    write(sink, "outcomes", OUTCOME._replace(revision=2, value=7.0))
    assert rows(analyst, "SELECT value FROM outcomes WHERE event_id = 'o'") == [(7.0,)]


def test_an_event_that_moves_to_another_molecule_is_there_once(
    sink: ClickHouseSink, analyst: Client
) -> None:
    write(sink, "outcomes", OUTCOME)
    moved = OUTCOME._replace(revision=1, molecule_id="CCN")
    write(sink, "outcomes", moved, OUTCOME._replace(revision=1, retracted=True))
    assert rows(analyst, "SELECT event_id, molecule_id FROM outcomes") == [("o", "CCN")]
    # Each lane counts its own row_version: the old lane's retraction may bear the higher one.
    write(sink, "pairs", PAIR, PAIR._replace(row_version=90, status="retracted"))
    write(sink, "pairs", PAIR._replace(row_version=3, outcome=moved))
    assert rows(analyst, "SELECT molecule_id FROM pairs") == [("CCN",)]


def test_restated_and_retracted_pairs(sink: ClickHouseSink, analyst: Client) -> None:
    write(sink, "pairs", PAIR._replace(row_version=5, measured=1.0))
    write(sink, "pairs", PAIR, PAIR._replace(row_version=4, measured=9.0))
    assert rows(analyst, "SELECT measured, error FROM pairs") == [(1.0, 0.5)]
    gone = PAIR._replace(row_version=6, status="retracted", predicted=None, measured=None)
    write(sink, "pairs", gone)
    assert rows(analyst, "SELECT * FROM pairs") == []
    write(sink, "pairs", PAIR._replace(row_version=7, status="superseded"))
    assert rows(analyst, "SELECT status, error FROM pairs") == [("superseded", 0.25)]


def test_a_block_that_comes_twice_is_stored_once(
    sink: ClickHouseSink, analyst: Client, writer: Client
) -> None:
    block = [PAIR._replace(pair_id=f"{n}", row_version=n) for n in range(40_000)]
    sink.write("pairs", block, "block 1")
    sink.write("pairs", block, "block 1")
    stored = "SELECT count() FROM pairs_rows"
    assert rows(writer, stored) == [(40_000,)]
    parts = "SELECT count() FROM system.parts WHERE table = 'pairs_rows' AND active"
    assert rows(writer, parts) == [(1,)]
    sink.write("pairs", [PAIR._replace(pair_id=f"other {row.pair_id}") for row in block], "block 1")
    assert rows(writer, stored) == [(40_000,)]
    sink.write("pairs", block[:100], "block 2")
    assert rows(analyst, "SELECT count(), sum(error) FROM pairs") == [(40_000, 10_000.0)]


def frame_of(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Return what the view must hold, by pandas: the highest row_version, none retracted."""
    frame = pd.DataFrame(
        [(p.pair_id, p.row_version, p.status, p.predicted, p.measured) for p in pairs],
        columns=["pair_id", "row_version", "status", "predicted", "measured"],
    )
    last = frame.sort_values("row_version").groupby("pair_id").tail(1)
    last = last[last["status"] != "retracted"]
    return last.assign(error=last["predicted"] - last["measured"]).sort_values("pair_id")


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_order_and_any_blocks_give_what_pandas_says(
    data: st.DataObject, made: ClickHouseSink, analyst: Client, writer: Client
) -> None:
    values = st.floats(-1e6, 1e6, width=32)
    statuses = st.sampled_from(["paired", "superseded", "retracted"])
    facts = data.draw(
        st.dictionaries(
            st.tuples(st.sampled_from("abcd"), st.integers(0, 5)),
            st.tuples(statuses, values, values),
            min_size=1,
        )
    )
    said = [
        PAIR._replace(pair_id=i, row_version=v, status=s, predicted=p, measured=m)
        for (i, v), (s, p, m) in facts.items()
    ]
    stream = data.draw(st.permutations(said + data.draw(st.lists(st.sampled_from(said)))))
    empty(writer)
    cut = data.draw(st.integers(0, len(stream)))
    write(made, "pairs", *stream[:cut])
    write(made, "pairs", *stream[cut:])
    found = rows(analyst, "SELECT pair_id, status, predicted, error FROM pairs ORDER BY pair_id")
    expected = frame_of(said)[["pair_id", "status", "predicted", "error"]]
    assert found == list(expected.itertuples(index=False, name=None))


def test_accuracy_is_the_last_word_and_its_history_stays(
    sink: ClickHouseSink, analyst: Client
) -> None:
    lot = METRIC._replace(segment_field="reagent_batch", segment_value="")
    write(sink, "metrics", METRIC, METRIC._replace(at=NOON_US + 9, value=0.5, row_version=2), lot)
    write(sink, "metrics", METRIC._replace(value=0.75, row_version=3))
    write(sink, "metrics", METRIC._replace(metric="r2", value=None, low=None, high=None, at=None))
    latest = "SELECT segment_field, segment_value, metric, value, n FROM accuracy"
    assert rows(analyst, f"{latest} ORDER BY metric, segment_field NULLS FIRST") == [
        (None, None, "mae", 0.75, 9),
        ("reagent_batch", "", "mae", 0.25, 9),
        (None, None, "r2", None, 9),
    ]
    history = "SELECT value, toUnixTimestamp64Micro(at) FROM accuracy_history"
    assert rows(analyst, f"{history} WHERE segment_field IS NULL ORDER BY at NULLS FIRST") == [
        (None, None),
        (0.75, NOON_US),
        (0.5, NOON_US + 9),
    ]


def test_a_later_undefined_metric_replaces_a_defined_one(
    sink: ClickHouseSink, analyst: Client
) -> None:
    write(sink, "metrics", METRIC)
    write(sink, "metrics", METRIC._replace(value=None, n=0, at=None, row_version=2))
    assert rows(analyst, "SELECT value, n, at FROM accuracy") == [(None, 0, None)]


def test_alerts_show_the_latest_state_and_keep_the_others(
    sink: ClickHouseSink, analyst: Client
) -> None:
    recovered = ALERT._replace(row_version=2, state="recovered", segment_value=None)
    write(sink, "alerts", recovered, ALERT._replace(alert_id="other"))
    write(sink, "alerts", ALERT, ALERT)
    assert rows(analyst, "SELECT alert_id, state, segment_value FROM alerts ORDER BY 1") == [
        ("alert", "recovered", None),
        ("other", "open", "lot 7"),
    ]
    history = "SELECT state FROM alert_history WHERE alert_id = 'alert' ORDER BY row_version"
    assert rows(analyst, history) == [("open",), ("recovered",)]


def test_an_alert_comes_back_with_all_that_it_says(sink: ClickHouseSink, analyst: Client) -> None:
    write(sink, "alerts", ALERT)
    for view in ("alerts", "alert_history"):
        ((tied, names_, molecules, severity, low, high, until, rule),) = rows(
            analyst,
            "SELECT tied, molecule_ids, molecules, severity, effect_low, effect_high, "
            f"toUnixTimestamp64Micro(muted_until), rule FROM {view}",
        )
        assert (tuple(tied), tuple(names_), molecules) == (ALERT.tied, ALERT.molecule_ids, 21)
        assert (severity, low, high, until, rule) == ("critical", 1.0, None, NOON_US + 9, None)


def test_the_factors_of_an_alert_are_rows_of_a_view(sink: ClickHouseSink, analyst: Client) -> None:
    write(sink, "alerts", ALERT._replace(row_version=2), ALERT._replace(factors=()))
    write(sink, "alerts", ALERT._replace(alert_id="unexplained", factors=()))
    found = rows(
        analyst,
        "SELECT alert_id, factor, value, is_cause, effect_sd, effect_low, effect_high, n, "
        "adjusted_p, aliased_with FROM factors ORDER BY adjusted_p",
    )
    assert [(*row[:-1], tuple(row[-1])) for row in found] == [
        ("alert", *each) for each in ALERT.factors
    ]


def test_a_table_of_an_older_version_gets_the_columns_it_lacks(
    sink: ClickHouseSink, writer: Client, analyst: Client
) -> None:
    write(sink, "alerts", ALERT._replace(alert_id="old", severity="info"))
    writer.command("ALTER TABLE alerts_rows DROP COLUMN severity, DROP COLUMN factors")
    sink.ensure_tables()
    write(sink, "alerts", ALERT)
    found = rows(analyst, "SELECT alert_id, severity, length(factors) FROM alerts ORDER BY 1")
    assert found == [("alert", "critical", 2), ("old", "warning", 0)]


def test_dead_letters_keep_their_bytes(sink: ClickHouseSink, analyst: Client) -> None:
    letter = DeadLetter("d", "lab.outcomes", 3, 77, None, 2, "E", "why", None, b"\x00\xff\n'")
    write(sink, "dead-letters", letter, letter._replace(dead_letter_id="e", key=b"\xfe"))
    write(sink, "dead-letters", letter)
    found = rows(
        analyst,
        "SELECT partition, position, column, hex(key), hex(payload) FROM dead_letters "
        "ORDER BY dead_letter_id",
    )
    assert found == [(3, 77, None, None, "00FF0A27"), (3, 77, None, "FE", "00FF0A27")]
