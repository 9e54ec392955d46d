"""An address by HTTP that answers as it is told to."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import trustme

TIMEOUT_S = 60.0


class Received(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Server:
    """Answers each POST with the next of `answers`, then with 204.

    An answer is a status, and a Retry-After if any.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.answers: list[tuple[int, str | None]] = []
        self.arrived = threading.Condition()
        # Held by a test, requests are read and not answered.
        self.gate = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.arrived:
                    headers = {k.lower(): v for k, v in self.headers.items()}
                    outer.received.append(Received(self.path, headers, body))
                    outer.arrived.notify_all()
                    status, retry_after = outer.answers.pop(0) if outer.answers else (204, None)
                with outer.gate:
                    self.send_response(status)
                    if retry_after is not None:
                        self.send_header("Retry-After", retry_after)
                    if status == 302:
                        self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        scheme, host = ("https", "localhost") if context else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self.port}/hooks/t0ken"

    def await_received(self, count: int) -> list[Received]:
        """Return what came once there are so many."""
        with self.arrived:
            came = self.arrived.wait_for(lambda: len(self.received) >= count, TIMEOUT_S)
        assert came, f"{len(self.received)} of {count} came"
        return self.received

    @contextmanager
    def running(self) -> Iterator["Server"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts one authority alone."""
    return ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())


def serving(authority: trustme.CA, host: str = "localhost") -> ssl.SSLContext:
    """A server's context with a certificate for `host`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context
