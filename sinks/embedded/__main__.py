"""Command line: python -m sinks.embedded --path DIR --port N --users FILE --database NAME."""

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import RefusedStateError, UserError
from sinks.embedded.access import User, check_database_name, read_users
from sinks.embedded.directory import Directory

if TYPE_CHECKING:
    from sinks.embedded.engine import Engine

HOST = "127.0.0.1"
USER_FAULT = 2
# The engine's own shutdown has no time limit; acknowledged rows are on disk before that.
STOP_S_MAX = 2.8

log = logging.getLogger(__name__)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sinks.embedded", description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="directory of the data")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 = a free one")
    parser.add_argument("--users", type=Path, required=True, help="JSON file, chmod 600")
    parser.add_argument("--database", required=True, help="the database the users may use")
    return parser.parse_args()


def _listener(port: int) -> socket.socket:
    """Return a socket bound to a port of loopback; raises RefusedStateError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise RefusedStateError(
            f"port {port} of {HOST} cannot be used ({error}); stop what uses it or give another "
            "--port"
        ) from error
    return listener


def _leave_in_time() -> None:
    timer = threading.Timer(STOP_S_MAX, os._exit, (0,))
    timer.daemon = True
    timer.start()


async def _serve(engine: "Engine", users: dict[str, User], listener: socket.socket) -> None:
    from sinks.embedded.server import Server

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        _leave_in_time()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    port = listener.getsockname()[1]
    ready = json.dumps({"ready": True, "port": port, "version": engine.version})
    await Server(engine, users).serve(listener, ready, stop)


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code: 0, or 2 for what the user can mend."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    arguments = _arguments()
    try:
        database = check_database_name(arguments.database)
        users = read_users(arguments.users)
        listener = _listener(arguments.port)
        directory = Directory(arguments.path, database)
        # Loading the engine takes a second: what the user can mend is said before.
        from sinks.embedded.engine import Engine

        engine = Engine(directory)
    except UserError as error:
        print(f"{error}.", file=sys.stderr)
        return USER_FAULT
    try:
        asyncio.run(_serve(engine, users, listener))
    finally:
        engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
