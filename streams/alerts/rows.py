"""Alerts and the pairs behind them, asked of ClickHouse's views."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from processors.cause import holds
from processors.series import Scored
from schemas.errors import SettingsError, UserError
from schemas.events import CONTEXT_FIELDS, Alert, FactorEffect
from schemas.topics import canonical

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# What a person has to look at first.
ORDER = (
    "open", "no_labels", "acknowledged", "warning", "muted", "recovered", "learning", "healthy",
)  # fmt: skip
LISTED = ORDER[:6]
BEFORE_PAIRS, SINCE_PAIRS = 150, 250
MATCHES_NAMED_MAX = 3
# The least of an id that is looked for, so that a typing error does not name somebody's alert.
ID_CHARACTERS_MIN = 4

_MICROSECOND = timedelta(microseconds=1)
_COLUMNS = ", ".join(Alert._fields)
_SERIES = (
    "model_id = {model:String} AND model_version = {version:String} AND assay_id = {assay:String} "
    "AND status = 'paired' AND qualifier IS NULL AND measured_at IS NOT NULL"
)
# A wrong label counts as an error of 1.
_ERROR = (
    "if(error IS NOT NULL, error, if(predicted_label IS NULL OR measured_label IS NULL, NULL, "
    "toFloat64(predicted_label != measured_label)))"
)


class Wanted(NamedTuple):
    """Which alerts are asked for; None means every one. `since` is the earliest onset."""

    model: str | None = None
    assay: str | None = None
    states: tuple[str, ...] = LISTED
    since: datetime | None = None


class Result(NamedTuple):
    """A pair of the alert's model version in its assay; `affected` by the factor it names."""

    measured_at: datetime
    error: float
    molecule_id: str
    affected: bool


class Evidence(NamedTuple):
    """The results around an alert's onset, in the order of measurement.

    `mean` and `sd` are of all `n` errors before it, None when there are too few. `labels` says that
    an error is 1 for a wrong label and 0 for a right one. `unit` is the pairs', None without one.
    """

    before: Sequence[Result]
    since: Sequence[Result]
    n: int
    mean: float | None
    sd: float | None
    unit: str | None
    labels: bool


class AlertRows:
    """Answers from one ClickHouse."""

    def __init__(self, client: "Client") -> None:
        self._client = client

    def wanted(self, wanted: Wanted, limit: int) -> tuple[int, list[Alert]]:
        """Return how many alerts are as asked for, and the first of them, what is open first."""
        conditions, values = ["state IN {states:Array(String)}"], {"states": list(wanted.states)}
        asked: dict[str, Any] = {**values}
        if wanted.model is not None:
            conditions.append("model_id = {model:String}")
            asked["model"] = wanted.model
        if wanted.assay is not None:
            conditions.append("assay_id = {assay:String}")
            asked["assay"] = canonical(wanted.assay)
        if wanted.since is not None:
            conditions.append("coalesce(since, detected_at) >= {since:DateTime64(6, 'UTC')}")
            asked["since"] = wanted.since
        where = " AND ".join(conditions)
        asked |= {"order": list(ORDER), "limit": limit}
        total = self._rows(f"SELECT count() AS n FROM alerts WHERE {where}", asked)[0]["n"]
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM alerts WHERE {where} "
            "ORDER BY indexOf({order:Array(String)}, state), coalesce(since, detected_at) DESC, "
            "alert_id LIMIT {limit:UInt32}",
            asked,
        )
        return int(total), [_alert(row) for row in rows]

    def find(self, prefix: str) -> Alert:
        """Return the one alert whose id begins so; raises UserError for none or several."""
        if len(prefix) < ID_CHARACTERS_MIN:
            raise UserError(
                f"{prefix!r} is too short; give at least {ID_CHARACTERS_MIN} characters"
            )
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM alerts WHERE startsWith(alert_id, {{prefix:String}}) "
            "ORDER BY alert_id LIMIT {limit:UInt32}",
            {"prefix": prefix, "limit": MATCHES_NAMED_MAX + 1},
        )
        found = [_alert(row) for row in rows]
        whole = [alert for alert in found if alert.alert_id == prefix]
        if not found:
            raise UserError(
                f"no alert's id begins with {prefix!r}; `recalibra alerts list` shows what there is"
            )
        if len(found) > 1 and not whole:
            names = ", ".join(alert.alert_id[:16] for alert in found[:MATCHES_NAMED_MAX])
            more = ", …" if len(found) > MATCHES_NAMED_MAX else ""
            raise UserError(f"{prefix!r} begins several alerts' ids ({names}{more}); give more")
        return (whole or found)[0]

    def states(self, alert: Alert) -> list[str]:
        """Return the states an alert was in, one after the other."""
        rows = self._rows(
            "SELECT state FROM alert_history WHERE alert_id = {id:String} ORDER BY row_version",
            {"id": alert.alert_id},
        )
        found: list[str] = []
        for row in rows:
            if not found or found[-1] != row["state"]:
                found.append(row["state"])
        return found

    def evidence(self, alert: Alert) -> Evidence:
        """Return the results around an alert's onset; without one, the newest count as before."""
        onset = alert.since if alert.since is not None else 2**62
        asked: dict[str, Any] = {
            "model": alert.model_id,
            "version": alert.model_version,
            "assay": canonical(alert.assay_id),
            "onset": onset,
        }
        before, since = (
            f"FROM pairs WHERE {_SERIES} AND {_ERROR} IS NOT NULL "
            f"AND toUnixTimestamp64Micro(assumeNotNull(measured_at)) {sign} {{onset:Int64}}"
            for sign in ("<", ">=")
        )
        said = self._rows(
            f"SELECT count() AS n, avg({_ERROR}) AS mean, stddevSamp({_ERROR}) AS sd, any(unit) "
            f"AS unit, countIf(error IS NULL) > 0 AS labels {before}",
            asked,
        )[0]
        columns = f"measured_at, {_ERROR} AS e, molecule_id, {', '.join(CONTEXT_FIELDS)}"
        head = self._rows(
            f"SELECT {columns} {before} ORDER BY measured_at DESC LIMIT {BEFORE_PAIRS}", asked
        )
        tail = self._rows(
            f"SELECT {columns} {since} ORDER BY measured_at LIMIT {SINCE_PAIRS}", asked
        )
        known = int(said["n"]) >= 2
        return Evidence(
            [_result(row, alert) for row in reversed(head)],
            [_result(row, alert) for row in tail],
            int(said["n"]),
            float(said["mean"]) if known else None,
            float(said["sd"]) if known else None,
            said["unit"],
            bool(said["labels"]),
        )

    def _rows(self, sql: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        from clickhouse_connect.driver.exceptions import DatabaseError

        try:
            answer = self._client.query(sql, parameters=dict(asked))
        except DatabaseError as error:
            raise SettingsError(
                f"ClickHouse cannot say it: {error}; `recalibra setup` makes missing tables and "
                "views"
            ) from error
        return [dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows]


def as_row(alert: Alert) -> dict[str, Any]:
    """Return an alert for JSON: times in ISO 8601."""
    from schemas.codec import as_record
    from sinks.notify._notice import TIMES, iso

    return {
        name: iso(value) if name in TIMES and value is not None else value
        for name, value in as_record(alert).items()
    }


def _alert(row: Mapping[str, Any]) -> Alert:
    values = {name: _plain(row[name]) for name in Alert._fields}
    factors = tuple(FactorEffect.of(each) for each in row["factors"])
    return Alert(**{**values, "factors": factors})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (_utc(value) - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else value


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _result(row: Mapping[str, Any], alert: Alert) -> Result:
    at, error = _utc(row["measured_at"]), float(row["e"])
    affected = alert.segment_field is None
    if alert.segment_field is not None and alert.segment_value is not None:
        context = tuple(row[field] for field in CONTEXT_FIELDS)
        result = Scored(alert.model_version, _plain(at), context, error, 0.0, None, None, None)
        affected = holds(result, (alert.segment_field, alert.segment_value))
    return Result(at, error, row["molecule_id"], affected)
