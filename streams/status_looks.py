"""Looks at the broker, one after the other, and shows each as a status."""

import time
from collections.abc import Iterator

import click
import orjson
from rich.console import Console
from rich.live import Live

from streams.addresses import DEMO_FOLDER
from streams.broker_look import Broker, BrokerLook
from streams.settings import Settings
from streams.status import Status, as_json, stage_statuses
from streams.status_screen import status_screen
from streams.worker_reports import worker_reports

# A broker that goes away in the middle is told within 15 s of the start.
LOOK_TIMEOUT_S = 10.0


class StatusLooks:
    """Makes one status after the other, each over the time since the last look.

    Raises UserError without an address or topics, UnavailableError when Kafka does not answer.
    """

    def __init__(self, settings: Settings, every_s: float) -> None:
        self._settings, self._every_s = settings, every_s
        self._broker = Broker(settings.kafka)
        self._before: BrokerLook | None = None

    def next(self) -> Status:
        """Look, after a while if that is needed to tell rates, and return the status."""
        if self._before is None:
            self._before = self._broker.look(time.monotonic() + LOOK_TIMEOUT_S)
        time.sleep(max(0.0, self._before.at_s + self._every_s - time.monotonic()))
        deadline_s = time.monotonic() + LOOK_TIMEOUT_S
        now = self._broker.look(deadline_s)
        letters, all_counted = self._broker.dead_letters(deadline_s)
        kafka, state_dir = self._settings.kafka, self._settings.state_dir
        here = worker_reports([state_dir, state_dir / DEMO_FOLDER], kafka.topic_prefix)
        now_s = time.time()
        stages = stage_statuses(self._before, now, here, now_s)
        self._before = now
        return Status(
            now_s,
            str(kafka.bootstrap_servers),
            kafka.topic_prefix,
            stages,
            letters,
            all_counted,
            here,
        )

    def close(self) -> None:
        """Let go of Kafka."""
        self._broker.close()


def show(looks: StatusLooks, as_json_lines: bool, watch: bool) -> None:
    """Show one status, or with `watch` one after the other until Ctrl-C."""
    console = Console()
    if as_json_lines or not (watch and console.is_terminal):
        for status in _statuses(looks, watch):
            if as_json_lines:
                click.echo(orjson.dumps(as_json(status)).decode())
            else:
                console.print(status_screen(status, console.width))
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for status in _statuses(looks, watch):
            live.update(status_screen(status, console.width), refresh=True)


def _statuses(looks: StatusLooks, watch: bool) -> Iterator[Status]:
    yield looks.next()
    while watch:
        yield looks.next()
