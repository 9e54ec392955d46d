"""How the demo ended, for people and for programs."""

from typing import Any, NamedTuple

from schemas.events import Alert
from streams.clickhouse_access import asking
from streams.settings.services import ClickHouseSettings

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
    question = "SELECT count() FROM {view:Identifier}"
    with asking(clickhouse) as client:
        answers = {view: client.query(question, parameters={"view": view}) for view in VIEWS}
    return {view: int(answer.result_rows[0][0]) for view, answer in answers.items()}


def newest_first(alerts: dict[str, Alert]) -> list[Alert]:
    """Return the alerts, the one said last first."""
    return sorted(alerts.values(), key=lambda alert: -alert.row_version)
