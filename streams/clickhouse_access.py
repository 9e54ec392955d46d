"""How every client of ours reaches ClickHouse."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from schemas.errors import RecalibraError, SettingsError, UnavailableError, UserError
from streams.clickhouse_peer import OK, answer_of
from streams.settings.services import ClickHouseSettings

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from sinks.clickhouse import ClickHouseSink
    from sinks.side_tables import SideTables

S = TypeVar("S", bound="ClickHouseSink")

CONNECT_TIMEOUT_S = 3


@contextmanager
def asking(clickhouse: ClickHouseSettings) -> Iterator["Client"]:
    """Give a client for questions.

    Raises UserError for settings that cannot work, UnavailableError when ClickHouse does not
    answer, both within 15 s, and what `sinks.clickhouse_errors` makes of later errors.
    """
    import clickhouse_connect
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from sinks.clickhouse_errors import translated

    answer = _answer(clickhouse)
    where = f"{clickhouse.host}:{clickhouse.port}"
    try:
        client = clickhouse_connect.get_client(
            host=str(clickhouse.host),
            port=clickhouse.port,
            username=clickhouse.username,
            password=clickhouse.secret(),
            database=clickhouse.database,
            interface="https" if clickhouse.secure else "http",
            ca_cert=None if clickhouse.ca_file is None else str(clickhouse.ca_file),
            connect_timeout=CONNECT_TIMEOUT_S,
        )
    except (ClickHouseError, OSError) as error:
        raise _judged(translated(error, where), answer, where) from error
    try:
        yield client
    except (ClickHouseError, OSError) as error:
        raise translated(error, where) from error
    finally:
        client.close()


def _answer(clickhouse: ClickHouseSettings) -> bytes:
    if clickhouse.host is None:
        raise UserError(
            "no ClickHouse is configured and no local stack runs; start one with `recalibra up`, "
            "or set RECALIBRA_CLICKHOUSE_HOST"
        )
    return answer_of(clickhouse)


def _judged(error: RecalibraError, answer: bytes, where: str) -> RecalibraError:
    """Return what the first question's failure means for who answered /ping so."""
    if isinstance(error, UnavailableError) and not answer.startswith(OK):
        return SettingsError(
            f"what listens at {where} answers but is no ClickHouse: check clickhouse.host and "
            "clickhouse.port, which is that of the HTTP interface"
        )
    return error


def make_sink(clickhouse: ClickHouseSettings) -> "ClickHouseSink":
    """Return a sink that connects when it is first used."""
    from sinks.clickhouse import ClickHouseSink  # its client is slow to import

    return _made(ClickHouseSink, clickhouse)


def make_side_tables(clickhouse: ClickHouseSettings) -> "SideTables":
    """Return tables beside the sink's own."""
    from sinks.side_tables import SideTables

    return _made(SideTables, clickhouse)


def _made(kind: type[S], clickhouse: ClickHouseSettings) -> S:
    return kind(
        host=str(clickhouse.host),
        port=clickhouse.port,
        username=clickhouse.username,
        password=clickhouse.secret(),
        database=clickhouse.database,
        secure=clickhouse.secure,
        ca_file=clickhouse.ca_file,
    )


def ensure_tables(clickhouse: ClickHouseSettings) -> None:
    """Create the tables and views that are missing; raises as `asking` does."""
    answer = _answer(clickhouse)
    sink = make_sink(clickhouse)
    try:
        sink.ensure_tables()
    except UnavailableError as error:
        raise _judged(error, answer, f"{clickhouse.host}:{clickhouse.port}") from error
    finally:
        sink.close()
