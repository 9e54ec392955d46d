"""What may listen where Kafka or ClickHouse was expected."""

import http.server
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streams.local.ports import LOOPBACK

API_VERSIONS = 18
UNSUPPORTED_VERSION = 35


class _NotFound(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


class _OldBroker(socketserver.StreamRequestHandler):
    """Answers each question with the versions of a broker before transactions."""

    def handle(self) -> None:
        while size := int.from_bytes(self.rfile.read(4), "big"):
            request = self.rfile.read(size)
            key, version = struct.unpack_from(">hh", request)
            if key != API_VERSIONS:
                return
            apis = [(0, 0, 2), (1, 0, 3), (3, 0, 2), (API_VERSIONS, 0, 0)]
            rows = b"".join(struct.pack(">hhh", *api) for api in apis)
            error = UNSUPPORTED_VERSION if version else 0
            body = request[4:8] + struct.pack(">hi", error, len(apis)) + rows
            self.wfile.write(struct.pack(">i", len(body)) + body)


@contextmanager
def _serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()


def web_server() -> Any:
    """Give the port of a web server that knows no page."""
    return _serving(_NotFound)


def old_broker() -> Any:
    """Give the port of a broker that is too old."""
    return _serving(_OldBroker)
