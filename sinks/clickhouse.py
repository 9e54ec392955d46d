"""The sink into ClickHouse: blocks of events in, by topic."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.errors import DataError, SettingsError
from schemas.events import Event
from sinks.clickhouse_errors import VALUE_ERRORS, translated
from sinks.ddl import statements
from sinks.tables import TABLES, Table

CONNECT_TIMEOUT_S = 3
QUERY_TIMEOUT_S = 60
DRIVER_ERRORS = (ClickHouseError, OSError)


class ClickHouseSink:
    """Writes events into ClickHouse's tables; one thread at a time.

    Connects when first used. `secure` is HTTPS, `ca_file` who vouches for the server's certificate
    (None: whom certifi lists). Every method but `close` raises UnavailableError
    (away, busy, out of memory or disk: the same call may succeed later), SettingsError (the user
    is refused) or RefusedStateError (the tables are missing or of another version).
    """

    def __init__(
        self,
        host: str,
        port: int,
        username: str,
        password: str,
        database: str,
        *,
        secure: bool = False,
        ca_file: Path | None = None,
    ) -> None:
        self._host, self._port, self._secure = host, port, secure
        self._ca_file = ca_file
        self._username, self._password = username, password
        self._database = database
        self._client: Client | None = None
        self._column_types: dict[str, Sequence[ClickHouseType]] = {}

    @property
    def _where(self) -> str:
        return f"{self._host}:{self._port}"

    def _connect(self, database: str) -> Client:
        try:
            return clickhouse_connect.get_client(
                host=self._host,
                port=self._port,
                username=self._username,
                password=self._password,
                database=database,
                interface="https" if self._secure else "http",
                ca_cert=None if self._ca_file is None else str(self._ca_file),
                connect_timeout=CONNECT_TIMEOUT_S,
                send_receive_timeout=QUERY_TIMEOUT_S,
                query_retries=0,
                autogenerate_session_id=False,
            )
        except DRIVER_ERRORS as error:
            raise translated(error, self._where) from error

    def _connected(self) -> Client:
        if self._client is None:
            self._client = self._connect(self._database)
        return self._client

    def ensure_tables(self) -> None:
        """Create the database, the tables and the views that are not there; views are renewed."""
        server = self._connect("default")
        try:
            server.command(
                "CREATE DATABASE IF NOT EXISTS {name:Identifier}",
                parameters={"name": self._database},
            )
        except DRIVER_ERRORS as error:
            raise translated(error, self._where) from error
        finally:
            server.close()
        client = self._connected()
        try:
            for statement in statements():
                client.command(statement)
        except DRIVER_ERRORS as error:
            raise translated(error, self._where) from error

    def write(self, topic: str, events: Sequence[Event], token: str) -> None:
        """Write a block of events of one topic (a short name, such as "pairs").

        `token` names the block: ClickHouse takes a block whose token it has seen lately as already
        written, and rows that come again under another token replace themselves. Up to 100,000
        events go in as one part, all or none. Raises, besides the class's errors, DataError when
        the block holds a value that ClickHouse will never take.
        """
        table = TABLES.get(topic)
        if table is None:
            raise SettingsError(f"no table is filled by topic {topic!r}; use {', '.join(TABLES)}")
        if not events:
            return
        try:
            columns = table.column_data(events)
        except VALUE_ERRORS as error:
            raise DataError(f"what came as {topic} is no event of it: {error}") from error
        try:
            client = self._connected()
            client.insert(
                self._target(table),
                columns,
                column_names=table.columns,
                column_types=self._types(client, table),
                column_oriented=True,
                settings={
                    "insert_deduplication_token": token,
                    "insert_deduplicate": 1,
                    # Only a synchronous insert is one part under one token.
                    "async_insert": 0,
                },
            )
        except (*DRIVER_ERRORS, *VALUE_ERRORS) as error:
            raise translated(error, self._where) from error

    def _target(self, table: Table) -> str:
        """Return the name of the table that rows go into."""
        return table.name

    def _types(self, client: Client, table: Table) -> Sequence[ClickHouseType]:
        if table.name not in self._column_types:
            context = client.create_insert_context(self._target(table), list(table.columns))
            self._column_types[table.name] = context.column_types
        return self._column_types[table.name]

    def close(self) -> None:
        """Close the connection; the sink may be used again."""
        if self._client is not None:
            with suppress(*DRIVER_ERRORS):
                self._client.close()
            self._client = None
