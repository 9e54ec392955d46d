"""How every client of ours reaches ClickHouse."""

from typing import TYPE_CHECKING

from streams.settings import ClickHouseSettings

if TYPE_CHECKING:
    from sinks.clickhouse import ClickHouseSink


def make_sink(clickhouse: ClickHouseSettings) -> "ClickHouseSink":
    """Return a sink that connects when it is first used."""
    from sinks.clickhouse import ClickHouseSink  # its client is slow to import

    return ClickHouseSink(
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
