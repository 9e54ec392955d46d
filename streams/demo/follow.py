"""What the demo sees of the pipeline: it reads the same topics as any other subscriber."""

from collections import deque
from statistics import fmean
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from schemas.codec import Codec
from schemas.events import Alert, DeadLetter, Metric, Pair
from schemas.topics import TOPICS, topic_name
from streams.kafka_access import client_settings
from streams.settings.services import KafkaSettings

FOLLOWED = ("pairs", "metrics", "alerts", "dead-letters")
CHART_PAIRS = 15
BATCH_RECORDS = 2_000


class Point(NamedTuple):
    """The mean error of the last pairs of one lot, by the place of the newest of them."""

    place: int
    mean_error: float


class Follower:
    """Reads committed records of the result topics and keeps what the screen and report show."""

    def __init__(self, kafka: KafkaSettings, codec: Codec) -> None:
        self._codec = codec
        self._consumer = Consumer(
            client_settings(kafka)
            | {
                "group.id": f"{kafka.topic_prefix}-demo",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        self._names = {topic_name(kafka.topic_prefix, short): short for short in FOLLOWED}
        self._consumer.assign(
            [TopicPartition(t, p, 0) for t in self._names for p in range(kafka.partitions)]
        )
        self.pair_ids: set[str] = set()
        self.dead_letter_ids: set[str] = set()
        self.alerts: dict[str, Alert] = {}
        # With those of statuses, which ClickHouse has among the alerts.
        self.alert_ids: set[str] = set()
        # (segment field, segment value, window, metric) → newest row
        self.metrics: dict[tuple[str | None, str | None, str, str], Metric] = {}
        self.curves: dict[str, list[Point]] = {}
        self._recent: dict[str, deque[float]] = {}

    def poll(self, timeout_s: float) -> None:
        """Take what came, waiting at most so long for the first of it."""
        for message in self._consumer.consume(BATCH_RECORDS, timeout_s):
            if message.error():
                continue
            short = self._names[message.topic() or ""]
            event = self._codec.decode(message.value(), TOPICS[short])
            if isinstance(event, Pair):
                self._take_pair(event)
            elif isinstance(event, Metric):
                segment = (event.segment_field, event.segment_value)
                self.metrics[*segment, event.window, event.metric] = event
            elif isinstance(event, Alert):
                self.alert_ids.add(event.alert_id)
                if not event.is_status:
                    self.alerts[event.alert_id] = event
            elif isinstance(event, DeadLetter):
                self.dead_letter_ids.add(event.dead_letter_id)

    def _take_pair(self, pair: Pair) -> None:
        self.pair_ids.add(pair.pair_id)
        lot = pair.outcome.context.reagent_batch
        if lot is None or pair.predicted is None or pair.measured is None:
            return
        recent = self._recent.setdefault(lot, deque(maxlen=CHART_PAIRS))
        recent.append(pair.predicted - pair.measured)
        if len(recent) == CHART_PAIRS:
            point = Point(len(self.pair_ids), fmean(recent))
            self.curves.setdefault(lot, []).append(point)

    def whole(self, window: str, metric: str) -> float | None:
        """Return a metric of the whole series, or None while there is none."""
        found = self.metrics.get((None, None, window, metric))
        return found.value if found else None

    def of_lot(self, lot: str, window: str, metric: str) -> float | None:
        """Return a metric of one lot's series, or None while there is none."""
        found = self.metrics.get(("reagent_batch", lot, window, metric))
        return found.value if found else None

    @property
    def scored(self) -> int:
        """How many pairs the newest metrics of the whole series rest on."""
        return int(self.whole("all", "n") or 0)

    def close(self) -> None:
        """Leave Kafka."""
        self._consumer.close()
