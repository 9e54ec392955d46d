"""The ClickHouse sink when something is wrong: an outage, the data, or a person's settings."""

from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from embedded_endpoint import Endpoint
from sink_examples import ALERT, METRIC, PAIR, rows, sink_on, write

from schemas.errors import (
    DataError,
    RecalibraError,
    RefusedStateError,
    SettingsError,
    UnavailableError,
)
from sinks.clickhouse import ClickHouseSink
from sinks.clickhouse_errors import translated


def test_an_outage_asks_for_patience_and_the_block_goes_in_afterwards(
    own_endpoint: Endpoint,
) -> None:
    sink = sink_on(own_endpoint)
    with pytest.raises(RefusedStateError, match="start them again"):
        sink.write("pairs", [PAIR], "first")
    sink.ensure_tables()
    sink.write("pairs", [PAIR], "first")
    own_endpoint.stop()
    for attempt in (sink, sink_on(own_endpoint)):
        with pytest.raises(UnavailableError) as outage:
            attempt.write("pairs", [PAIR._replace(pair_id="two")], "second")
        assert outage.value.retry_after_s > 0
        with pytest.raises(UnavailableError):
            attempt.ensure_tables()
    own_endpoint.start()
    sink.write("pairs", [PAIR._replace(pair_id="two")], "second")
    sink.write("pairs", [PAIR], "first")
    client = own_endpoint.client()
    assert rows(client, "SELECT pair_id FROM pairs_rows ORDER BY 1") == [("pair",), ("two",)]
    client.close()
    sink.close()


@pytest.mark.parametrize(
    ("topic", "event"),
    [
        ("outcomes", PAIR),
        ("pairs", PAIR._replace(row_version=-1)),
        ("pairs", PAIR._replace(pair_id=None)),  # type: ignore[arg-type]
        ("metrics", METRIC._replace(value="high")),  # type: ignore[arg-type]
        ("alerts", ALERT._replace(since=2**70)),
    ],
)
def test_what_no_column_takes_is_the_datas_fault(
    sink: ClickHouseSink, analyst: Client, topic: str, event: Any
) -> None:
    with pytest.raises(DataError):
        write(sink, topic, event)
    write(sink, "pairs", PAIR)
    assert rows(analyst, "SELECT count() FROM pairs") == [(1,)]


def test_what_a_person_can_mend_is_said_so(endpoint: Endpoint, sink: ClickHouseSink) -> None:
    with pytest.raises(SettingsError, match="password"):
        sink_on(endpoint, password="guess").write("pairs", [PAIR], "t")
    with pytest.raises(SettingsError, match="rights"):
        sink_on(endpoint, "analyst").write("pairs", [PAIR], "t")
    with pytest.raises(SettingsError, match="no table"):
        sink.write("nonsense", [PAIR], "t")
    with pytest.raises(SettingsError, match="rights"):
        sink_on(endpoint, database="elsewhere").ensure_tables()
    sink.write("pairs", [], "t")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (241, UnavailableError),
        (252, UnavailableError),
        (243, UnavailableError),
        (159, UnavailableError),
        (999_999, UnavailableError),
        (None, UnavailableError),
        (27, DataError),
        (516, SettingsError),
        (60, RefusedStateError),
    ],
)
def test_codes_mean_patience_rejection_or_a_person(
    code: int | None, kind: type[RecalibraError]
) -> None:
    error = translated(DatabaseError("no secret", code=code), "127.0.0.1:1")
    assert type(error) is kind
