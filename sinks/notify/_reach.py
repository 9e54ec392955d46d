"""Connections that fail, in words that hold no address and no secret."""

import socket
import ssl
from collections.abc import Iterator

from schemas.errors import UnavailableError


def reach(where: str, host: str, port: int, tls: ssl.SSLContext | None, timeout_s: float) -> None:
    """Connect and let go again; raises UnavailableError that names `where`."""
    try:
        with socket.create_connection((host, port), timeout_s) as plain:
            if tls is not None:
                tls.wrap_socket(plain, server_hostname=host).close()
    except OSError as error:
        raise connection_error(where, error) from error


def connection_error(where: str, error: BaseException) -> UnavailableError:
    """Return what to raise when `where` cannot be reached."""
    return UnavailableError(f"{where} cannot be reached: {reason_of(error)}", 0.0)


def reason_of(error: BaseException) -> str:
    """Return why a connection failed, of whatever a library wrapped it in."""
    chain = list(_causes(error))
    for found in chain:
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({found.verify_message})"
        if isinstance(found, ssl.SSLError):
            return f"TLS fails ({found.reason or 'no reason given'})"
    for found in chain:
        if isinstance(found, socket.gaierror):
            return "its name is not known"
        if isinstance(found, OSError) and found.strerror:
            return found.strerror.lower()
    if any(isinstance(found, TimeoutError) or "Timeout" in type(found).__name__ for found in chain):
        return "no answer in time"
    return f"the connection broke off ({type(chain[-1]).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
