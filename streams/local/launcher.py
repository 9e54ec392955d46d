"""Run one command, and end it when the process that asked for it is gone.

    python -m streams.local.launcher -- COMMAND [ARGUMENT ...]

Standard input is a pipe whose other end only the parent holds: its end of file means that the
parent is gone, by whatever way. Works on Linux and macOS, which has no parent-death signal.
Only the standard library, so that it can run isolated and starts in milliseconds.
"""

import os
import select
import signal
import subprocess
import sys
from types import FrameType

ORPHAN_GRACE_S = 3.0
PARENT_CHECK_INTERVAL_S = 1.0
CANNOT_START_CODE = 127
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Run the command after `--`; return its exit code, or 128 + the signal that ended it."""
    if len(arguments) < 2 or arguments[0] != "--":
        print("usage: python -m streams.local.launcher -- COMMAND [ARGUMENT ...]", file=sys.stderr)
        return 2
    # Signals go to the whole group, which must hold nothing but the command and this process.
    if os.getpgrp() != os.getpid():
        os.setsid()
    return _Launcher().run(arguments[1:])


class _Launcher:
    def __init__(self) -> None:
        self._stop_requested = False
        self._parent_pid = os.getppid()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        signal.set_wakeup_fd(self._wake_write)
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def run(self, command: list[str]) -> int:
        try:
            # close_fds=False hands on what the parent left inheritable, the state folder's lock.
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
        except OSError as error:
            print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
            return CANNOT_START_CODE
        forwarded = False
        while process.poll() is None:
            if self._stop_requested and not forwarded:
                forwarded = True
                _signal_group(signal.SIGTERM)
            if self._parent_is_gone():
                _end_group(process)
        return process.returncode if process.returncode >= 0 else 128 - process.returncode

    def _parent_is_gone(self) -> bool:
        """Wait for an event; a copy of the pipe in a fork of the parent cannot hide its death."""
        readable, _, _ = select.select([0, self._wake_read], [], [], PARENT_CHECK_INTERVAL_S)
        if self._wake_read in readable:
            os.read(self._wake_read, 512)
        return (0 in readable and not os.read(0, 1)) or os.getppid() != self._parent_pid

    def _on_stop_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requested = True


def _signal_group(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_IGN)
    os.killpg(os.getpgrp(), number)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End the command and all that it started, this process included."""
    _signal_group(signal.SIGTERM)
    try:
        process.wait(ORPHAN_GRACE_S)
    finally:
        os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
