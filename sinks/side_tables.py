"""Tables beside those that are asked, filled while those stand, then put into their place."""

from sinks.clickhouse import DRIVER_ERRORS, ClickHouseSink
from sinks.clickhouse_errors import translated
from sinks.ddl import SQL_DIR
from sinks.tables import TABLES, Table

SUFFIX = "_rebuild"


class SideTables(ClickHouseSink):
    """Writes events into fresh tables beside the sink's own; the methods raise what a sink's do.

    Views name tables, so they read what stands in the place of a name: `exchange` is seen at once.
    """

    def _target(self, table: Table) -> str:
        return f"{table.name}{SUFFIX}"

    def create(self) -> None:
        """Create the side tables, empty, whatever an earlier run has left of them."""
        self.drop()
        for table in TABLES.values():
            statement = (SQL_DIR / "tables" / f"{table.name}.sql").read_text(encoding="utf-8")
            own, side = f"EXISTS {table.name}\n", f"EXISTS {self._target(table)}\n"
            self._run(statement.replace(own, side, 1))

    def exchange(self) -> None:
        """Put each side table into the place of its table, and that beside it; each in one step."""
        for table in TABLES.values():
            self._run(f"EXCHANGE TABLES {table.name} AND {self._target(table)}")

    def drop(self) -> None:
        """Remove the side tables that are there."""
        for table in TABLES.values():
            self._run(f"DROP TABLE IF EXISTS {self._target(table)} SYNC")

    def counts(self) -> dict[str, int]:
        """Return how many rows each topic has at rest, by topic; of rows with one key the newest.

        These are those of the tables that are asked.
        """
        client = self._connected()
        try:
            return {
                topic: client.query(f"SELECT count() FROM {table.name} FINAL").result_rows[0][0]
                for topic, table in TABLES.items()
            }
        except DRIVER_ERRORS as error:
            raise translated(error, self._where) from error

    def _run(self, statement: str) -> None:
        client = self._connected()
        try:
            client.command(statement)
        except DRIVER_ERRORS as error:
            raise translated(error, self._where) from error
