"""Tells one address what happens to alerts, for as long as it takes, in their order."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from random import Random
from threading import Event

from schemas.codec import Codec
from schemas.errors import DataError, UnavailableError
from schemas.events import Alert
from schemas.topics import digest
from sinks.notify._notice import Notice
from sinks.notify._options import ChannelOptions
from streams.notify import STAGE
from streams.notify.alert_log import AlertLog, Said
from streams.notify.channels import Channel
from streams.notify.counts import Counts
from streams.notify.letters import Letters
from streams.notify.news import News
from streams.notify.outbox import Item, Outbox
from streams.settings import Settings

IDLE_POLL_S = 0.2
BUSY_POLL_S = 0.02
# What is in hand at most; the rest waits in Kafka.
WAITING_MAX = 1_000
# A delivery that is under way when the process is told to stop.
LAST_DELIVERY_S = 1.5

log = logging.getLogger(__name__)


class AddressTask:
    """One address, from `run` until `stop` is set.

    Offsets are committed when a notice is delivered or given up and every earlier one is, too: what
    was under way when a process ended is told again, under the same id.
    """

    def __init__(
        self,
        name: str,
        options: ChannelOptions,
        channel: Channel,
        settings: Settings,
        codec: Codec,
        letters: Letters,
        counts: Counts,
    ) -> None:
        self.name, self._options, self._channel = name, options, channel
        self._lab, self._letters, self._counts = settings.kafka.topic_prefix, letters, counts
        self._outbox = Outbox(Random())
        self._news: dict[int, News] = {}
        self._under_way: tuple[Item, Future[None]] | None = None
        self._started_s = time.time()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{STAGE} {name}")
        self._log = AlertLog(
            settings.kafka,
            codec,
            name,
            settings.streams.session_timeout_s,
            self._gained,
            self._lost,
        )

    def run(self, stop: Event) -> None:
        """Read and tell until told to stop; raises what Kafka's client raises."""
        try:
            while not stop.is_set():
                self._turn()
            if self._under_way is not None:
                wait_for([self._under_way[1]], LAST_DELIVERY_S)
                self._settle()
            self._log.commit(self._outbox.committable())
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._log.close()

    def _turn(self) -> None:
        said = self._log.poll(BUSY_POLL_S if self._under_way else IDLE_POLL_S)
        if said is not None:
            self._take(said)
        self._settle()
        self._begin()
        self._log.hold(len(self._outbox) >= WAITING_MAX)
        self._log.commit(self._outbox.committable())
        self._counts.waiting(self.name, len(self._outbox))

    def _gained(self, partition: int, history: Iterator[Alert]) -> None:
        self._outbox.drop(partition)
        self._news[partition] = News()
        for alert in history:
            self._news[partition].take(alert)

    def _lost(self, partition: int) -> None:
        self._log.commit({p: at for p, at in self._outbox.committable().items() if p == partition})
        self._outbox.drop(partition)
        self._news.pop(partition, None)

    def _take(self, said: Said) -> None:
        self._outbox.seen(said.partition, said.offset)
        if said.alert is None:
            return
        news = self._news[said.partition].take(said.alert)
        if news is None or not self._options.wants(news, said.alert):
            return
        notice_id = digest(STAGE, said.alert.alert_id, str(said.alert.row_version), news)
        notice = Notice(notice_id, news, said.said_at_us, self._lab, said.alert)
        # Of what was said while nobody ran, the time begins with us.
        waited_s = max(0.0, time.time() - max(said.said_at_us / 1e6, self._started_s))
        left_s = max(0.0, self._options.give_up_after_s - waited_s)
        item = Item(said.partition, said.offset, notice, time.monotonic() + left_s)
        self._outbox.add(item)

    def _begin(self) -> None:
        """Let the next delivery begin, in a thread, so that the group goes on to hear of us."""
        if self._under_way is None and (item := self._outbox.due(time.monotonic())) is not None:
            self._under_way = item, self._pool.submit(self._channel.send, item.notice)

    def _settle(self) -> None:
        """See what became of the delivery under way."""
        if self._under_way is None or not self._under_way[1].done():
            return
        (item, future), self._under_way = self._under_way, None
        error = future.exception()
        if error is None:
            self._outbox.done(item)
            self._counts.told(self.name)
            log.info("told %s: %s", self.name, _about(item))
        elif isinstance(error, UnavailableError) and time.monotonic() < item.give_up_at_s:
            self._counts.failed(self.name)
            wait_s = self._outbox.later(item, time.monotonic(), error.retry_after_s)
            log.warning("%s: %s; tried again in %.0f s: %s", self.name, error, wait_s, _about(item))
        elif isinstance(error, (UnavailableError, DataError)):
            self._give_up(item, error)
        else:
            raise error

    def _give_up(self, item: Item, error: UnavailableError | DataError) -> None:
        try:
            self._letters.say(self.name, item, error)
        except UnavailableError as away:
            wait_s = self._outbox.later(item, time.monotonic(), away.retry_after_s)
            log.error("%s; tried again in %.0f s", away, wait_s)
            return
        self._outbox.done(item)
        self._counts.given_up(self.name)
        log.error(
            "gave up telling %s: %s: %s; `recalibra dead-letters list` has it",
            self.name, _about(item), error,
        )  # fmt: skip


def _about(item: Item) -> str:
    alert = item.notice.alert
    return f"{item.notice.news} of alert {alert.alert_id[:12]}, id {item.notice.notice_id}"
