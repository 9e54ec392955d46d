"""How every client of ours reaches ClickHouse."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from streams.settings import ClickHouseSettings

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from sinks.clickhouse import ClickHouseSink
    from sinks.side_tables import SideTables

S = TypeVar("S", bound="ClickHouseSink")


@contextmanager
def asking(clickhouse: ClickHouseSettings) -> Iterator["Client"]:
    """Give a client for questions; raises what `sinks.clickhouse_errors` makes of its errors."""
    import clickhouse_connect
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from sinks.clickhouse_errors import translated

    try:
        client = clickhouse_connect.get_client(
            host=str(clickhouse.host),
            port=clickhouse.port,
            username=clickhouse.username,
            password=clickhouse.password.get_secret_value(),
            database=clickhouse.database,
            interface="https" if clickhouse.secure else "http",
        )
        try:
            yield client
        finally:
            client.close()
    except (ClickHouseError, OSError) as error:
        raise translated(error, f"{clickhouse.host}:{clickhouse.port}") from error


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
        password=clickhouse.password.get_secret_value(),
        database=clickhouse.database,
        secure=clickhouse.secure,
    )


def ensure_tables(clickhouse: ClickHouseSettings) -> None:
    """Create the tables and views that are missing; raises what `ClickHouseSink` raises."""
    sink = make_sink(clickhouse)
    try:
        sink.ensure_tables()
    finally:
        sink.close()
