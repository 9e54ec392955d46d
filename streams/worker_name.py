"""What a worker process is called, in the log, in Kafka's groups and in what is measured."""

import os
import socket
from typing import NamedTuple, Self


class WorkerName(NamedTuple):
    """A process of a stage: `number` counts those of one supervisor on `host`."""

    stage: str
    number: int
    host: str
    pid: int

    @classmethod
    def of_this_process(cls, stage: str, number: int = 1) -> Self:
        """Return the name of the process that asks."""
        return cls(stage, number, socket.gethostname(), os.getpid())

    def __str__(self) -> str:
        return f"{self.stage}-{self.number}@{self.host}:{self.pid}"
