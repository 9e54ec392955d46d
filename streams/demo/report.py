"""How the demo ended, for people and for programs."""

from typing import Any, NamedTuple

from schemas.events import Alert
from streams.settings import ClickHouseSettings

VIEWS = ("predictions", "outcomes", "pairs", "accuracy", "alerts", "dead_letters")


class Report(NamedTuple):
    """Counts at the end of a run; `clickhouse_rows` are by view."""

    predictions: int
    outcomes: int
    pairs: int
    dead_letters: int
    alerts: list[dict[str, Any]]
    clickhouse_rows: dict[str, int]
    seconds: float
    seconds_to_first_alert: float | None


def rows_in_clickhouse(clickhouse: ClickHouseSettings) -> dict[str, int]:
    """Return how many rows an analyst finds in each view."""
    import clickhouse_connect

    client = clickhouse_connect.get_client(
        host=str(clickhouse.host),
        port=clickhouse.port,
        username=clickhouse.username,
        password=clickhouse.password.get_secret_value(),
        database=clickhouse.database,
        interface="https" if clickhouse.secure else "http",
    )
    try:
        return {
            view: int(
                client.query(
                    "SELECT count() FROM {view:Identifier}", parameters={"view": view}
                ).result_rows[0][0]
            )
            for view in VIEWS
        }
    finally:
        client.close()


def newest_first(alerts: dict[str, Alert]) -> list[Alert]:
    """Return the alerts, the one said last first."""
    return sorted(alerts.values(), key=lambda alert: -alert.row_version)
