"""Ports of the loopback interface."""

import random
import socket
from collections.abc import Collection

from schemas.errors import UnavailableError, UserError

LOOPBACK = "127.0.0.1"
# Below the ephemeral ranges of Linux (from 32768) and macOS (from 49152): no outgoing connection
# can take the port between its choice and its use.
CHOICE = range(20_000, 32_000)
ATTEMPTS = 100


def is_listening(port: int) -> bool:
    """Tell whether something accepts connections on this loopback port, 1 to 65535."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port, 1 to 65535."""
    # macOS lets a second server bind what a server on all interfaces holds: ask that one too.
    if is_listening(port):
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose_port(wanted: int | None, purpose: str, taken: Collection[int | None] = ()) -> int:
    """Return the wanted port, or for None a free one that is not in `taken`.

    Raises UserError, which names the port and its purpose, when the wanted one is out of range
    or in use, and UnavailableError when no free one was found.
    """
    if wanted is not None:
        if not 1 <= wanted <= 65_535:
            raise UserError(f"Port {wanted} for {purpose} is not between 1 and 65535.")
        if wanted in taken or not is_free(wanted):
            raise UserError(
                f"Port {wanted} for {purpose} is in use (or not allowed): end the program that"
                " listens there, or choose another port, or leave the port open."
            )
        return wanted
    for port in random.sample(CHOICE, ATTEMPTS):
        if port not in taken and is_free(port):
            return port
    raise UnavailableError(f"No free port for {purpose} was found on {LOOPBACK}.")
