"""One request, run in a worker thread: which statement it is, whether its user may, its answer."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain

from sinks.embedded import query_settings
from sinks.embedded.access import WRITER, User
from sinks.embedded.bodies import PIECE_BYTES, Body
from sinks.embedded.engine import Engine, Lane
from sinks.embedded.errors import READONLY, SYNTAX_ERROR, QueryRefusedError
from sinks.embedded.http_request import Request
from sinks.embedded.sessions import Sessions
from sinks.embedded.spool import spooled
from sinks.embedded.statements import (
    HEAD_BYTES,
    InsertHead,
    check_allowed,
    decoded,
    first_word,
    insert_head,
    stated_format,
)
from sinks.embedded.ticket import Ticket

STATEMENT_BYTES_MAX = 1024 * 1024
# Formats whose pieces can be sent as they come.
STREAMED_FORMATS = (
    "Native",
    "RowBinary",
    "TabSeparated",
    "TSV",
    "TabSeparatedRaw",
    "TSVRaw",
    "CSV",
    "JSONEachRow",
    "JSONCompactEachRow",
)
_READING = (b"SELECT", b"WITH", b"FROM")
_COUNTS = (
    "read_rows",
    "read_bytes",
    "written_rows",
    "written_bytes",
    "total_rows_to_read",
    "result_rows",
    "result_bytes",
)

Send = Callable[[bytes, str], None]


@dataclass
class Answer:
    """What of an answer was not sent while its query ran; `format` None means it has no data."""

    body: bytes = b""
    format: str | None = None
    summary: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A request with all it needs; `send` takes pieces of the answer and their format."""

    request: Request
    user: User
    body: Body
    send: Send
    ticket: Ticket


def _summary(started_ns: int, **counts: int) -> dict[str, str]:
    figures = {**dict.fromkeys(_COUNTS, 0), **counts}
    figures["elapsed_ns"] = time.perf_counter_ns() - started_ns
    return {name: str(figure) for name, figure in figures.items()}


def _syntax_error(lane: Lane, sql: str) -> QueryRefusedError:
    """Return what the engine's parser says of a text that is no statement; nothing of it runs."""
    sentence = "The text is not a statement."
    try:
        lane.text("SELECT formatQuery({sql:String}) FORMAT Null", sql=sql)
    except RuntimeError as error:
        _, found, said = str(error).partition("Syntax error: ")
        if found:
            sentence = found + said.partition(": In scope SELECT formatQuery")[0]
    return QueryRefusedError(SYNTAX_ERROR, "SYNTAX_ERROR", sentence)


class Execution:
    """Runs requests on an engine; safe to use from several threads."""

    def __init__(self, engine: Engine, sessions: Sessions) -> None:
        self._engine = engine
        self._sessions = sessions

    def run(self, job: Job) -> Answer:
        """Run a request to its end.

        Raises QueryRefusedError, RuntimeError (the engine's) or ConnectionError (the client left).
        """
        request = job.request
        with self._lane(job) as lane:
            job.ticket.start(lane.tag)
            try:
                if request.database and request.database != "default":
                    lane.text("USE {name:Identifier}", name=request.database)
                return self._execute(lane, job)
            finally:
                job.ticket.end()

    @contextmanager
    def _lane(self, job: Job) -> Iterator[Lane]:
        def opener() -> Lane:
            return self._engine.open(job.user.role, uuid.uuid4().hex)

        request = job.request
        if request.session_id is None:
            lane = opener()
            try:
                yield lane
            finally:
                lane.connection.close()
            return
        key = (job.user.name, request.session_id)
        with self._sessions.borrow(
            key, request.session_timeout_s, request.session_must_exist, opener
        ) as lane:
            yield lane

    def _execute(self, lane: Lane, job: Job) -> Answer:
        text = job.request.statement
        if text is None:
            text = job.body.read(HEAD_BYTES)
        elif more := job.body.read(HEAD_BYTES):
            text = text + b"\n" + more
        word = first_word(text)
        if word == b"SET":
            query_settings.lift(lane)
        else:
            in_session = job.request.session_id is not None
            query_settings.apply(lane, job.request.settings, in_session)
        if word == b"INSERT":
            found = insert_head(text, lambda prefix: self._parses(lane, job.request, prefix))
            if found is not None:
                return self._insert(lane, job, found, text[found.data_start :])
        whole = text + job.body.read_whole(STATEMENT_BYTES_MAX)
        return self._query(lane, job, whole)

    def _parses(self, lane: Lane, request: Request, text: bytes) -> bool:
        return lane.classify(decoded(text), request.database or "").statements == 1

    def _check(self, lane: Lane, job: Job, sql: str) -> None:
        """Raise QueryRefusedError unless `sql` is one statement that its user may run."""
        check_allowed(sql.encode())
        kind, statements = lane.classify(sql, job.request.database or "")
        if statements == 0:
            raise _syntax_error(lane, sql)
        if statements != 1:
            raise QueryRefusedError(
                SYNTAX_ERROR, "SYNTAX_ERROR", "A request must hold one statement."
            )
        if kind != "READ_ONLY" and not (job.user.role == WRITER and job.request.may_write):
            raise QueryRefusedError(
                READONLY, "READONLY", f"{job.user.name}: Cannot execute query in readonly mode."
            )

    def _insert(self, lane: Lane, job: Job, head: InsertHead, first: bytes) -> Answer:
        self._check(lane, job, head.statement)
        started_ns = time.perf_counter_ns()
        with spooled(chain([first], job.body.pieces())) as path:
            sql = head.reading(str(path))
            result = lane.connection.query(sql, "TabSeparated", params=job.request.params)
        return Answer(
            summary=_summary(
                started_ns, written_rows=result.rows_written(), written_bytes=result.bytes_written()
            )
        )

    def _query(self, lane: Lane, job: Job, text: bytes) -> Answer:
        sql = decoded(text)
        self._check(lane, job, sql)
        out_format = stated_format(text) or job.request.default_format
        started_ns = time.perf_counter_ns()
        streamed = out_format in STREAMED_FORMATS and first_word(text) in _READING
        if streamed and not job.request.whole:
            return self._stream(lane, job, sql, out_format)
        result = lane.connection.query(sql, out_format, params=job.request.params)
        body = result.bytes() or b""
        return Answer(
            body=body,
            format=out_format if body else None,
            summary=_summary(
                started_ns,
                read_rows=result.storage_rows_read(),
                read_bytes=result.storage_bytes_read(),
                written_rows=result.rows_written(),
                written_bytes=result.bytes_written(),
                result_rows=result.rows_read(),
                result_bytes=len(body),
            ),
        )

    def _stream(self, lane: Lane, job: Job, sql: str, out_format: str) -> Answer:
        started_ns = time.perf_counter_ns()
        held = b""
        with lane.connection.send_query(sql, out_format, params=job.request.params) as stream:
            for chunk in stream:
                held += chunk.bytes()
                if len(held) >= PIECE_BYTES:
                    job.send(held, out_format)
                    held = b""
        return Answer(held, out_format, _summary(started_ns))
