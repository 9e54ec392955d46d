"""Example events, and what the tests of the ClickHouse sink do again and again."""

from itertools import count
from typing import Any

from clickhouse_connect.driver.client import Client
from embedded_endpoint import DATABASE, Endpoint

from schemas.events import Alert, AssayContext, FactorEffect, Metric, Outcome, Pair, Prediction
from sinks.clickhouse import ClickHouseSink
from sinks.tables import TABLES

NOON_US = 1_715_000_000_123_456
CONTEXT = AssayContext("lot 7", "reader 2", None, "v3")
PREDICTION = Prediction(
    "p", 0, False, "CCO", "logP", CONTEXT, "net", "1", 1.5, predicted_at=NOON_US
)
OUTCOME = Outcome("o", 0, False, "CCO", "logP", CONTEXT, 1.25, unit="nM", measured_at=NOON_US + 1)
PAIR = Pair("pair", 1, "paired", "nM", 1.5, 1.25, PREDICTION, OUTCOME)
METRIC = Metric("net", "1", "logP", None, None, "all", "mae", 0.25, 0.2, 0.3, 9, NOON_US, 1)
ALERT = Alert(
    "alert",
    1,
    "open",
    "net",
    "1",
    "logP",
    "reagent_batch",
    "lot 7",
    "page_hinkley",
    NOON_US,
    NOON_US + 5,
    1.5,
    0.01,
    40,
    "It drifts.",
    severity="critical",
    effect_low=1.0,
    tied=("operator=ann", "reagent_batch=lot 7"),
    molecules=21,
    molecule_ids=("CCO", "CCN"),
    muted_until=NOON_US + 9,
    factors=(
        FactorEffect("reagent_batch", "lot 7", True, 1.5, 1.0, 2.0, 40, 1e-9),
        FactorEffect("operator", "ann", False, None, None, None, 12, 0.75, ("instrument=I1",)),
    ),
)
TOKENS = (f"token {n}" for n in count())


def sink_on(endpoint: Endpoint, user: str = "writer", **changes: Any) -> ClickHouseSink:
    options: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": endpoint.port,
        "username": user,
        "password": endpoint.passwords[user],
        "database": DATABASE,
    }
    return ClickHouseSink(**{**options, **changes})


def empty(writer: Client) -> None:
    for table in TABLES.values():
        writer.command(f"TRUNCATE TABLE {table.name}")


def write(sink: ClickHouseSink, topic: str, *events: Any) -> None:
    sink.write(topic, events, next(TOKENS))


def rows(client: Client, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.query(sql).result_rows]
