"""The demo from start to end: the stack, the story sent at a pace, and what came of it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from connectors.publisher import Publisher
from schemas.codec import Codec
from schemas.errors import OursError
from streams.commands.replay import alert_row
from streams.demo.follow import Follower
from streams.demo.report import Report, newest_first, rows_in_clickhouse
from streams.demo.story import Story
from streams.kafka_access import client_settings
from streams.local.session import LocalSession

# Fast enough to watch, slow enough that results reach the monitor in the order of their times.
RESULTS_PER_SECOND = 50.0
STEP_S = 0.1
SETTLE_TIMEOUT_S = 60.0


@dataclass
class Demo:
    """One run over a started session; `look` is called ten times a second with what was sent."""

    session: LocalSession
    story: Story
    codec: Codec
    started: float
    look: Callable[[Follower, int], None]
    results_per_second: float = RESULTS_PER_SECOND
    first_alert_s: float | None = field(default=None, init=False)

    def run(self, follower: Follower) -> Report:
        """Send the story and return when everything of it has come to rest.

        Raises OursError when it does not within a minute after the last event.
        """
        for sent in self._send():
            self._step(follower, sent)
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while not (rows := self._settled(follower)):
            if time.monotonic() > deadline:
                raise OursError(
                    f"of {len(self.story.outcomes)} pairs {len(follower.pair_ids)} came, "
                    f"{follower.scored} were scored; see the logs in "
                    f"{self.session.settings.state_dir / 'logs'}"
                )
            self._step(follower, len(self.story.outcomes))
        return Report(
            predictions=len(self.story.predictions),
            outcomes=len(self.story.outcomes),
            pairs=len(follower.pair_ids),
            dead_letters=len(follower.dead_letter_ids),
            alerts=[alert_row(alert) for alert in newest_first(follower.alerts)],
            clickhouse_rows=rows,
            seconds=round(time.monotonic() - self.started, 1),
            seconds_to_first_alert=self.first_alert_s,
        )

    def _send(self) -> Iterator[int]:
        """Send the predictions, then the outcomes at their pace; yield how many were sent."""
        kafka = self.session.settings.kafka
        publisher = Publisher(
            str(kafka.bootstrap_servers), kafka.topic_prefix, self.codec, client_settings(kafka)
        )
        for prediction in self.story.predictions:
            publisher.publish(prediction, "demo")
        publisher.flush()
        begun = time.monotonic()
        for sent, outcome in enumerate(self.story.outcomes, 1):
            publisher.publish(outcome, "demo")
            while sent > (time.monotonic() - begun) * self.results_per_second:
                yield sent
        publisher.flush()

    def _step(self, follower: Follower, sent: int) -> None:
        follower.poll(STEP_S)
        if follower.alerts and self.first_alert_s is None:
            self.first_alert_s = round(time.monotonic() - self.started, 1)
        self.session.check()
        self.look(follower, sent)

    def _settled(self, follower: Follower) -> dict[str, int] | None:
        """Return the rows in ClickHouse once all of the story is scored and stored, else None."""
        expected = len(self.story.outcomes)
        if len(follower.pair_ids) < expected or follower.scored < expected:
            return None
        rows = rows_in_clickhouse(self.session.settings.clickhouse)
        stored = (
            rows["predictions"] >= len(self.story.predictions)
            and rows["outcomes"] >= expected
            and rows["pairs"] >= expected
            and rows["alerts"] >= len(follower.alert_ids)
            and rows["accuracy"] >= len(follower.metrics)
        )
        return rows if stored else None
