"""ClickHouse: reached, logged in, its tables and views, and who may ask."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sinks.ddl import names
from sinks.tables import TABLES
from streams.clickhouse_access import asking
from streams.doctor._checkup import Checkup
from streams.doctor._finding import Finding, fine, warning, wrong
from streams.doctor.broker import is_loopback
from streams.settings.services import ClickHouseSettings

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

PLACE = 70
VERSION_LEAST = (24, 3)
SUPERUSER = "default"


def look(checkup: Checkup) -> Iterator[Finding]:
    """Ask as the sink does."""
    clickhouse = checkup.settings.clickhouse
    with asking(clickhouse) as client:
        version = str(client.server_version)
        how = "over TLS" if clickhouse.secure else "in plain text"
        yield fine(
            f"ClickHouse {version} at {clickhouse.host}:{clickhouse.port} answers, as user "
            f"{clickhouse.username} {how}"
        )
        if tuple(map(int, version.split(".")[:2])) < VERSION_LEAST:
            least = ".".join(map(str, VERSION_LEAST))
            yield wrong(f"ClickHouse {version} is too old", f"use {least} or newer")
        yield from _tables(client, clickhouse.database)
    yield from _users(clickhouse)


def _tables(client: "Client", database: str) -> Iterator[Finding]:
    asked = client.query(
        "SELECT table, groupArray(name) FROM system.columns WHERE database = {database:String} "
        "GROUP BY table",
        parameters={"database": database},
    )
    there = {table: set(columns) for table, columns in asked.result_rows}
    wanted = [*names("tables"), *names("views")]
    missing = [name for name in wanted if name not in there]
    if missing:
        yield wrong(
            f"{len(missing)} of {len(wanted)} tables and views are not in database {database}, "
            f"such as {missing[0]}",
            "run `recalibra setup`",
        )
    stale = [
        f"{table.name}.{column}"
        for table in TABLES.values()
        if table.name in there
        for column in table.columns
        if column not in there[table.name]
    ]
    if stale:
        yield wrong(
            f"tables of database {database} are of another version: {', '.join(stale[:3])} "
            "is missing",
            "move that database away, or name another by clickhouse.database, and run "
            "`recalibra setup`",
        )
    if not missing and not stale:
        yield fine(f"{len(wanted)} tables and views in database {database} are of this version")


def _users(clickhouse: ClickHouseSettings) -> Iterator[Finding]:
    reading = f"GRANT SELECT ON {clickhouse.database}.* TO analyst"
    if clickhouse.username == SUPERUSER:
        yield warning(
            f"the sink is {SUPERUSER}, who may do everything in ClickHouse",
            f"give it a user of its own with all rights on {clickhouse.database}.*, and analysts "
            f"one that may only read ({reading})",
        )
    elif not is_loopback(str(clickhouse.host)):
        yield fine(f"for analysts a user that may only read is enough: {reading}")
    if not clickhouse.secure and not is_loopback(str(clickhouse.host)):
        yield warning(
            "the password and all results can be read by everyone on the way to ClickHouse",
            "set clickhouse.secure = true where the network is not yours alone",
        )
