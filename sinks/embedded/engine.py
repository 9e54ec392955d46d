"""The engine of one process: its path, its connections, its running queries.

Source: https://clickhouse.com/docs/chdb/api/python
"""

import logging
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import chdb
from chdb.state.sqlitelike import Connection

from schemas.errors import RefusedStateError
from sinks.embedded import spool
from sinks.embedded.access import LIMITS, WRITER
from sinks.embedded.directory import CONFIG, Directory

_STORE = "store"

# The engine reads parameters as it reads fields of TabSeparated.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\0": "\\0"})

log = logging.getLogger(__name__)


class Classified(NamedTuple):
    """What the engine's parser says of a text; `kind` is UNKNOWN when it does not parse."""

    kind: str
    statements: int


@dataclass(frozen=True)
class Lane:
    """A connection with a role; `tag` finds its running query again.

    `applied` are the settings of its last request, `own` what they stand in front of; None is the
    engine's default.
    """

    connection: Connection
    tag: str
    applied: dict[str, str | None] = field(default_factory=dict)
    own: dict[str, str | None] = field(default_factory=dict)

    def classify(self, sql: str, database: str) -> Classified:
        """Return what `sql` would do, without running it."""
        # Private in chDB, which is why its version is pinned: nothing public asks the parser.
        found = self.connection._conn.classify_query(sql, database)
        return Classified(found["query_class"].name, found["statement_count"])

    def raw(self, sql: str, /, **params: str) -> bytes:
        """Return the answer to `sql` as TabSeparatedRaw; `params` fill its {name:Type}."""
        escaped = {name: value.translate(_ESCAPES) for name, value in params.items()}
        return self.connection.query(sql, "TabSeparatedRaw", params=escaped).bytes() or b""

    def text(self, sql: str, /, **params: str) -> str:
        """Return the answer to `sql` as text, without the last line's end."""
        return self.raw(sql, **params).decode().removesuffix("\n")


def _no_file(path: str) -> str:
    raise PermissionError("the function file() is not allowed here")


class Engine:
    """chDB on one directory; the process's working directory moves there.

    Relative paths keep whatever the directory's name holds out of chDB's connection strings.
    Raises RefusedStateError when the engine cannot open the directory.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        database = directory.database
        os.chdir(directory.path)
        spool.clear()
        try:
            # The engine runs as long as one connection is open; this one is kept for that.
            self._keeper = chdb.connect(f"{_STORE}?config-file={CONFIG}")
            # The scalar file() needs no grant in chDB and reads any path: a user function of that
            # name stands in front of it.
            chdb.create_function("file", _no_file, arg_types=["String"], return_type="String")
            keeper = Lane(self._keeper, "")
            self.version, self.timezone = keeper.text("SELECT version(), timezone()").split("\t")
            keeper.text("CREATE DATABASE IF NOT EXISTS {name:Identifier}", name=database)
        except RuntimeError as error:
            log.debug("the engine does not start", exc_info=True)
            raise RefusedStateError(
                f"the engine cannot open {directory.path} ({_first_line(error)}); stop any other "
                "program that uses it, or give another --path"
            ) from error

    def open(self, role: str, tag: str) -> Lane:
        """Return a new connection with a role of `access.GRANTS`; the caller closes it."""
        settings = {"log_comment": tag, **LIMITS[role]}
        options = "&".join(f"{name}={value}" for name, value in settings.items())
        connection = chdb.connect(f"{_STORE}?{options}")
        try:
            connection.query(f"SET ROLE {role}", "TabSeparated")
        except BaseException:
            connection.close()
            raise
        return Lane(connection, tag)

    def kill(self, tag: str) -> None:
        """Ask the query that runs on the connection of `tag` to stop; none running is no error."""
        lane = self.open(WRITER, "kill")
        try:
            lane.text(
                "KILL QUERY WHERE Settings['log_comment'] = {tag:String} ASYNC FORMAT Null", tag=tag
            )
        except RuntimeError:
            log.warning("a query could not be stopped", exc_info=True)
        finally:
            lane.connection.close()

    def close(self) -> None:
        """Close the engine once every other connection is closed, and let go of the directory."""
        with suppress(RuntimeError):
            self._keeper.close()
        self._directory.release()


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].partition(", Stack trace")[0][:300]
