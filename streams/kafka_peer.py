"""What listens at an address, seen from outside: Kafka or not, encrypted or not, which versions.

Asked without any secret, and only when the client library could not say what is wrong.
ApiVersions (key 18, version 0) is answered before any login; see
https://kafka.apache.org/protocol#The_Messages_ApiVersions.
"""

import socket
import ssl
import struct
from contextlib import suppress
from typing import Literal, NamedTuple

TIMEOUT_S = 1.5
ANSWER_BYTES_MAX = 65_536
API_VERSIONS = 18
CORRELATION = 7_201
TLS_ALERT = b"\x15\x03"

Speech = Literal["kafka", "http", "other", "nothing"]
# API key → lowest and highest version.
Apis = dict[int, tuple[int, int]]


class Peer(NamedTuple):
    """What was found; `apis` is empty for what is not Kafka.

    `alert` is how TLS was ended after the handshake, such as "TLSV1_ALERT_UNKNOWN_CA", else empty.
    """

    encrypted: bool
    speaks: Speech
    apis: Apis
    alert: str = ""


def look(host: str, port: int, context: ssl.SSLContext | None = None) -> Peer:
    """Ask what listens there, in plain text, then over TLS; takes six seconds at most.

    `context` is how TLS is spoken, None without verification and certificate of ours. Raises
    OSError when there is no connection, its subclass gaierror for a name that is not known.
    """
    with socket.create_connection((host, port), TIMEOUT_S) as plain:
        answer = _ask(plain)
    if answer and not answer.startswith(TLS_ALERT):
        return _judged(answer, encrypted=False)
    with suppress(ConnectionError, TimeoutError, ssl.SSLError):
        return _look_encrypted(host, port, context or unverified())
    return Peer(False, "nothing", {})


def unverified() -> ssl.SSLContext:
    """Return a context that takes every certificate: nothing is told, and nothing believed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _look_encrypted(host: str, port: int, context: ssl.SSLContext) -> Peer:
    with (
        socket.create_connection((host, port), TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        try:
            return _judged(_ask(tls), encrypted=True)
        except ssl.SSLError as error:  # TLS 1.3 says so after the handshake
            return Peer(True, "nothing", {}, error.reason or "no reason given")


def _ask(peer: socket.socket) -> bytes:
    """Send one request and return what comes back, empty when nothing does."""
    client = b"recalibra"
    body = struct.pack(">hhih", API_VERSIONS, 0, CORRELATION, len(client)) + client
    try:
        peer.sendall(struct.pack(">i", len(body)) + body)
        return _answer(peer)
    except TimeoutError:
        pass
    except ConnectionError:
        return b""
    # A server of lines, such as a web server, still waits for the end of one.
    with suppress(ConnectionError, TimeoutError):
        peer.sendall(b"\r\n\r\n")
        return _answer(peer)
    return b""


def _answer(peer: socket.socket) -> bytes:
    """Return what the peer sends, as far as it matters; raises TimeoutError when it is nothing."""
    answer = b""
    while part := peer.recv(ANSWER_BYTES_MAX):
        answer += part
        whole = len(answer) >= 4 + int.from_bytes(answer[:4], "big")
        if whole or len(answer) > ANSWER_BYTES_MAX or answer.startswith((b"HTTP/", TLS_ALERT)):
            break
    return answer


def _judged(answer: bytes, *, encrypted: bool) -> Peer:
    apis = _apis(answer)
    if apis is not None:
        return Peer(encrypted, "kafka", apis)
    if not answer:
        return Peer(encrypted, "nothing", {})
    web = answer.startswith(b"HTTP/") or b"<html" in answer[:1_000].lower()
    return Peer(encrypted, "http" if web else "other", {})


def _apis(answer: bytes) -> Apis | None:
    """Return the versions in an answer, None when it is none of Kafka's."""
    try:
        size, correlation, _error, count = struct.unpack_from(">iihi", answer)
        if correlation != CORRELATION or size + 4 != len(answer):
            return None
        rows = struct.iter_unpack(">hhh", answer[14 : 14 + 6 * count])
        return {key: (low, high) for key, low, high in rows}
    except struct.error:
        return None
