"""The HTTP side: takes requests, hands them to worker threads, writes answers and errors."""

import asyncio
import json
import logging
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from sinks.embedded.access import ANALYST, WRITER, User, authenticate
from sinks.embedded.bodies import Body, LoopReader
from sinks.embedded.engine import Engine
from sinks.embedded.errors import (
    ACCESS_DENIED,
    QueryRefusedError,
    code_of,
    status_of,
    text_of,
)
from sinks.embedded.execution import Answer, Execution, Job
from sinks.embedded.http_request import Request, credentials, read_request
from sinks.embedded.sessions import Sessions
from sinks.embedded.ticket import Ticket

THREADS = {WRITER: 8, ANALYST: 4}
FORM_BYTES_MAX = 16 * 1024 * 1024
SESSION_CHECK_S = 5.0
# A clean stop takes under three seconds: first requests may end, then they are asked to.
DRAIN_S, STOP_S = 1.0, 1.0
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8",
    **dict.fromkeys(
        ("Native", "RowBinary", "Parquet", "Arrow", "ArrowStream"), "application/octet-stream"
    ),
}

log = logging.getLogger(__name__)


def _content_type(out_format: str) -> str:
    if out_format.startswith("JSON"):
        return "application/json; charset=UTF-8"
    return _CONTENT_TYPES.get(out_format, "text/plain; charset=UTF-8")


class _Reply:
    """The reply to one request, begun when its first piece comes."""

    def __init__(self, request: web.Request, headers: dict[str, str]) -> None:
        self._request = request
        self._headers = headers
        self._stream: web.StreamResponse | None = None
        self._tag = uuid.uuid4().hex[:16]

    async def piece(self, data: bytes, out_format: str) -> None:
        """Send a piece of the answer; raises ConnectionError when the client has left."""
        if self._stream is None:
            headers = {
                **self._headers,
                "X-ClickHouse-Format": out_format,
                "X-ClickHouse-Exception-Tag": self._tag,
                "Content-Type": _content_type(out_format),
            }
            self._stream = web.StreamResponse(headers=headers)
            self._stream.enable_chunked_encoding()
            await self._stream.prepare(self._request)
        await self._stream.write(data)

    async def end(self, answer: Answer) -> web.StreamResponse:
        """Send the rest of the answer."""
        if self._stream is not None:
            await self._stream.write_eof(answer.body)
            return self._stream
        headers = {**self._headers, "X-ClickHouse-Summary": json.dumps(answer.summary)}
        if answer.format is not None:
            headers["X-ClickHouse-Format"] = answer.format
            headers["Content-Type"] = _content_type(answer.format)
        return web.Response(body=answer.body, headers=headers)

    async def fail(self, code: int, text: str) -> web.StreamResponse:
        """Send an error: as a status, or in the body behind what is already sent."""
        if self._stream is None:
            headers = {**self._headers, "X-ClickHouse-Exception-Code": str(code)}
            return web.Response(status=status_of(code), text=text, headers=headers)
        size = len(text.encode())
        mark = f"\r\n__exception__\r\n{self._tag}\r\n{text}{size} {self._tag}\r\n__exception__\r\n"
        await self._stream.write_eof(mark.encode())
        return self._stream


class Server:
    """ClickHouse's HTTP interface over an engine, for the given users."""

    def __init__(self, engine: Engine, users: dict[str, User]) -> None:
        self._engine = engine
        self._users = users
        self._sessions = Sessions()
        self._execution = Execution(engine, self._sessions)
        self._pools = {role: ThreadPoolExecutor(n, role) for role, n in THREADS.items()}
        self._tickets: set[Ticket] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    async def _ping(self, _: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    def _headers(self, query_id: str) -> dict[str, str]:
        return {
            "X-ClickHouse-Server-Display-Name": "embedded",
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Timezone": self._engine.timezone,
        }

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        reply = _Reply(http, self._headers(str(uuid.uuid4())))
        try:
            _check_host(http)
            if http.method == "GET" and not http.query_string:
                return await self._ping(http)
            user = authenticate(self._users, *credentials(http))
            request = await read_request(http)
            reply = _Reply(http, self._headers(request.query_id))
            return await reply.end(await self._run(http, request, user, reply))
        except ConnectionError:
            log.info("a client left before its answer was sent")
            raise
        except (QueryRefusedError, RuntimeError) as error:
            return await reply.fail(code_of(error), text_of(error, self._engine.version))
        except web.HTTPException:
            raise
        except Exception as error:  # a fault of ours: the client is told, the log says which
            log.exception("a request failed")
            return await reply.fail(code_of(error), text_of(error, self._engine.version))

    async def _run(self, http: web.Request, request: Request, user: User, reply: _Reply) -> Answer:
        loop = asyncio.get_running_loop()
        ticket = Ticket(self._engine)

        def send(data: bytes, out_format: str) -> None:
            asyncio.run_coroutine_threadsafe(reply.piece(data, out_format), loop).result()

        encoding = http.headers.get("Content-Encoding", "").lower()
        job = Job(request, user, Body(LoopReader(http.content, loop), encoding), send, ticket)
        running = loop.run_in_executor(self._pools[user.role], self._execution.run, job)
        self._tickets.add(ticket)
        self._idle.clear()
        running.add_done_callback(lambda _: self._done(ticket))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # The client closed its connection: its query must not go on for nobody.
            await asyncio.shield(loop.run_in_executor(None, ticket.cancel))
            running.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    def _done(self, ticket: Ticket) -> None:
        self._tickets.discard(ticket)
        if not self._tickets:
            self._idle.set()

    def application(self) -> web.Application:
        """Return the web application."""
        application = web.Application(client_max_size=FORM_BYTES_MAX)
        application.router.add_get("/ping", self._ping)
        application.router.add_get("/replicas_status", self._ping)
        application.router.add_route("GET", "/", self._handle)
        application.router.add_route("POST", "/", self._handle)
        return application

    async def serve(self, listener: socket.socket, ready: str, stop: asyncio.Event) -> None:
        """Serve on a bound socket until `stop` is set; prints the line `ready` when it accepts."""
        runner = web.AppRunner(
            self.application(),
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            shutdown_timeout=0.1,
        )
        await runner.setup()
        site = web.SockSite(runner, listener)
        await site.start()
        print(ready, flush=True)
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), SESSION_CHECK_S)
            except TimeoutError:
                await loop.run_in_executor(None, self._sessions.expire)
        await site.stop()
        await self._quiet()
        await runner.cleanup()
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        self._sessions.expire(everything=True)

    async def _quiet(self) -> None:
        """Wait until no request runs; those that take longer are given up."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.wait_for(self._idle.wait(), DRAIN_S)
        except TimeoutError:
            log.warning("%d requests are given up to stop", len(self._tickets))
            for ticket in list(self._tickets):
                await loop.run_in_executor(None, ticket.cancel)
            try:
                await asyncio.wait_for(self._idle.wait(), STOP_S)
            except TimeoutError:
                log.warning("%d requests do not end", len(self._tickets))


def _check_host(request: web.Request) -> None:
    """Raise QueryRefusedError when the Host header is not this machine's own name.

    A page in a browser can be made to resolve its own name to 127.0.0.1 (DNS rebinding).
    """
    name = request.host.rpartition(":")[0] if not request.host.endswith("]") else request.host
    if (name or request.host) not in _LOOPBACK_NAMES:
        raise QueryRefusedError(
            ACCESS_DENIED, "ACCESS_DENIED", "Only 127.0.0.1 and localhost are served."
        )
