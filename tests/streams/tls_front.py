"""A relay in front of a server, with TLS where wanted: a load balancer on a cluster."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from streams.local.ports import LOOPBACK


class _Relay(socketserver.BaseRequestHandler):
    server: "_Front"

    def handle(self) -> None:
        with suppress(OSError):
            context = self.server.context
            client = (
                context.wrap_socket(self.request, server_side=True) if context else self.request
            )
            with client, socket.create_connection((LOOPBACK, self.server.behind)) as behind:
                back = threading.Thread(target=_pump, args=(behind, client), daemon=True)
                back.start()
                _pump(client, behind)
                back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65_536):
            target.sendall(part)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class _Front(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, behind: int, context: ssl.SSLContext | None, port: int) -> None:
        super().__init__((LOOPBACK, port), _Relay)
        self.behind, self.context = behind, context


@contextmanager
def tls_front(behind: int, certificate: Path) -> Iterator[int]:
    """Give a port that speaks TLS for the loopback port `behind`, with a PEM of key and chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with relay(behind, context) as port:
        yield port


@contextmanager
def relay(behind: int, context: ssl.SSLContext | None = None, port: int = 0) -> Iterator[int]:
    """Give `port`, 0 a free one, that passes on to the loopback port `behind`; None: no TLS."""
    with _Front(behind, context, port) as front:
        thread = threading.Thread(target=front.serve_forever, daemon=True)
        thread.start()
        try:
            yield int(front.server_address[1])
        finally:
            front.shutdown()
