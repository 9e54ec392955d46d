"""The stage's process: one thread an address, until told to stop or one of them fails."""

import logging
import signal
import time
from functools import partial
from pathlib import Path
from threading import Event, Thread

from confluent_kafka import KafkaException

from schemas.errors import OursError, RecalibraError, SettingsError
from streams.kafka_errors import translated
from streams.metrics_server import tell_metrics
from streams.notify.address import AddressTask
from streams.notify.channels import make_channel, names_of, options_of
from streams.notify.counts import Counts
from streams.notify.letters import Letters
from streams.schema_ids import make_codec
from streams.settings import Settings
from streams.worker_name import WorkerName

STOP_GRACE_S = 5.0

log = logging.getLogger(__name__)


def run(settings: Settings, worker: WorkerName) -> None:
    """Tell every address until SIGTERM or SIGINT.

    Raises SettingsError when none is set, and the error of the first address that cannot go on.
    """
    addresses = names_of(settings.notify)
    if not addresses:
        raise SettingsError("no channel is set; see [notify] in streams/settings.example.toml")
    stop, errors = Event(), list[BaseException]()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    codec = make_codec(settings.registry)
    letters = Letters(settings.kafka, codec)
    counts = Counts(worker, settings.kafka.topic_prefix)
    place = _tell(settings, counts, worker)
    threads = []
    for name in addresses:
        channel = make_channel(settings.notify, name, time.time)
        options = options_of(settings.notify, name)
        task = AddressTask(name, options, channel, settings, codec, letters, counts)
        target = partial(_run, task, stop, errors)
        threads.append(Thread(target=target, name=name, daemon=True))
    try:
        for thread in threads:
            thread.start()
        log.info("tells %s", ", ".join(addresses))
        stop.wait()
        deadline_s = time.monotonic() + STOP_GRACE_S
        for thread in threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
    finally:
        place.unlink(missing_ok=True)
    if errors:
        raise _as_ours(errors[0], settings)


def _tell(settings: Settings, counts: Counts, worker: WorkerName) -> Path:
    streams = settings.streams
    prefix, folder = settings.kafka.topic_prefix, settings.state_dir
    port = streams.metrics_port
    return tell_metrics(counts.registry, streams.metrics_host, port, worker, prefix, folder)


def _run(task: AddressTask, stop: Event, errors: list[BaseException]) -> None:
    try:
        task.run(stop)
    except BaseException as error:  # the process ends, and its supervisor starts it again
        log.error("address %s ends: %s", task.name, error, exc_info=error)
        errors.append(error)
        stop.set()


def _as_ours(error: BaseException, settings: Settings) -> RecalibraError:
    if isinstance(error, RecalibraError):
        return error
    if isinstance(error, KafkaException):
        return translated(error, settings.kafka)
    return OursError(f"an address could not go on ({type(error).__name__}); the log has more")
