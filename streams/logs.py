"""How a worker's log looks: lines for people, or one JSON object a line."""

import logging
import sys
from collections.abc import Callable

from pythonjsonlogger.orjson import OrjsonFormatter

from schemas.errors import UserError
from streams.lane_log import LaneAddress
from streams.settings.processes import LoggingSettings
from streams.worker_name import WorkerName

HUMAN = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# What these say at lower levels is about themselves.
QUIET = ("faust", "mode", "aiokafka", "kafka")
FIELDS = ("levelname", "name", "stage", "lane", "worker", "message")


class _WorkerFields(logging.Filter):
    """Gives each record the stage, the worker and the lane that it is about, if any."""

    def __init__(self, worker: WorkerName | None) -> None:
        super().__init__()
        self._worker = worker

    def filter(self, record: logging.LogRecord) -> bool:
        record.stage = self._worker.stage if self._worker else None
        record.worker = str(self._worker) if self._worker else None
        arguments = record.args if isinstance(record.args, tuple) else ()
        lanes = (a.partition for a in arguments if isinstance(a, LaneAddress))
        record.lane = next(lanes, getattr(record, "lane", None))
        return True


def _json_formatter() -> logging.Formatter:
    return OrjsonFormatter(
        FIELDS,
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="timestamp",
    )


def set_up_logs(settings: LoggingSettings, worker: WorkerName | None = None) -> None:
    """Send this process's log to standard error in the format and from the level of the settings.

    `worker` None means a process that is no worker's, such as their supervisor.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _json_formatter() if settings.format == "json" else logging.Formatter(HUMAN)
    )
    handler.addFilter(_WorkerFields(worker))
    logging.basicConfig(level=settings.level, handlers=[handler], force=True)
    for noisy in QUIET:
        logging.getLogger(noisy).setLevel(logging.ERROR)


def tell_user(error: UserError) -> None:
    """Tell a person what to mend: a sentence on standard error, or in the log when that is JSON."""
    handlers = logging.getLogger().handlers
    if any(isinstance(handler.formatter, OrjsonFormatter) for handler in handlers):
        logging.getLogger("recalibra").error("%s", error)
    else:
        print(f"recalibra: {error}", file=sys.stderr, flush=True)


def sayer(settings: LoggingSettings, say: Callable[[str], None]) -> Callable[[str], None]:
    """Return what tells the terminal a line: `say`, or the log when that is JSON."""
    if settings.format == "human":
        return say
    set_up_logs(settings)
    return logging.getLogger("recalibra").info
