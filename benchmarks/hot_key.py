"""What a key with very many outcomes does to the others, and to the size of state records.

    python benchmarks/hot_key.py                    100,000 outcomes on one key, about 2 minutes
    python benchmarks/hot_key.py --outcomes 20000 --json

A control compound's outcomes come first, then its prediction. All the while outcomes of other
molecules of the same lane are sent, and the time until each one's pair can be read is taken.
"""

import threading
import time

import click

from benchmarks.kafka_side import Broker
from benchmarks.lab import own_stack
from benchmarks.show import finish
from connectors.publisher import Publisher
from schemas.codec import Codec
from schemas.events import AssayContext, Outcome, Pair, Prediction
from schemas.partitioner import partition_of
from schemas.table import SchemaTable
from schemas.topics import join_key, topic_name
from streams.addresses import as_environment, with_stack
from streams.kafka_access import ensure_topics
from streams.settings import Settings
from streams.settings.services import KafkaSettings
from streams.supervisor import Supervisor
from streams.topic_reader import TopicReader

CODEC = Codec(SchemaTable())
HOT, ASSAY = "CONTROL", "assay"
PROBE_EVERY_S = 0.1
DEADLINE_S = 600.0


def prediction(molecule: str) -> Prediction:
    """One prediction for a molecule."""
    return Prediction(
        f"prediction {molecule}", 0, False, molecule, ASSAY, AssayContext(), "net", "1", 1.0
    )


def outcome(molecule: str, number: int) -> Outcome:
    """One of the outcomes of a molecule."""
    context = AssayContext(f"LOT-{number % 7}", f"READER-{number % 3}")
    event_id = f"outcome {molecule} {number}"
    return Outcome(event_id, 0, False, molecule, ASSAY, context, 1.0 + number % 10 / 10)


class Probes:
    """Outcomes of other molecules in the hot key's lane, one every 0.1 s; see `waits_s`."""

    def __init__(self, settings: Settings) -> None:
        self._kafka = settings.kafka
        partitions = self._kafka.partitions
        lane = partition_of(join_key(HOT, ASSAY), partitions)
        numbered = (f"M{number}" for number in range(10**9))
        self._molecules = (
            m for m in numbered if partition_of(join_key(m, ASSAY), partitions) == lane
        )
        self._sent_s: dict[str, float] = {}
        self._waits: list[tuple[float, float]] = []
        self.hot_pairs: set[str] = set()
        self._stopping = threading.Event()
        calls = (self._send, self._read)
        self._threads = [threading.Thread(target=call, daemon=True) for call in calls]

    def start(self) -> None:
        """Begin to send and to read."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send no more, and read what is missing."""
        deadline = time.monotonic() + DEADLINE_S
        self._stopping.set()
        while len(self._waits) < len(self._sent_s) and time.monotonic() < deadline:
            time.sleep(PROBE_EVERY_S)
        for thread in self._threads:
            thread.join()

    def waits_s(self, since_s: float) -> list[float]:
        """Return the seconds from each outcome sent since a moment to its pair."""
        return [wait_s for sent_s, wait_s in self._waits if sent_s >= since_s]

    def _send(self) -> None:
        kafka = self._kafka
        with Publisher(str(kafka.bootstrap_servers), kafka.topic_prefix, CODEC) as publisher:
            while not self._stopping.wait(PROBE_EVERY_S):
                molecule = next(self._molecules)
                publisher.publish(prediction(molecule))
                publisher.flush()
                self._sent_s[molecule] = time.monotonic()
                publisher.publish(outcome(molecule, 0))
                publisher.flush()

    def _read(self) -> None:
        broker = Broker(str(self._kafka.bootstrap_servers), self._kafka.partitions)
        consumer = broker.reader(topic_name(self._kafka.topic_prefix, "pairs"))
        while not self._stopping.is_set() or len(self._waits) < len(self._sent_s):
            for message in consumer.consume(1_000, 0.05):
                if message.error():
                    continue
                pair = CODEC.decode(message.value(), Pair)
                if pair.outcome.molecule_id == HOT:
                    self.hot_pairs.add(pair.pair_id)
                else:
                    sent_s = self._sent_s[pair.outcome.molecule_id]
                    self._waits.append((sent_s, time.monotonic() - sent_s))
        consumer.close()


def largest_record(settings: Settings) -> int:
    """Return the bytes, key and value, of the largest record of the join's state."""
    changelog = topic_name(settings.kafka.topic_prefix, "join-changelog")
    records = TopicReader(settings.kafka).records(changelog)
    return max(len(m.key() or b"") + len(m.value() or b"") for m in records)


def measured(settings: Settings, outcomes: int) -> dict[str, float | int]:
    """Run the join over the hot key; return the figures."""
    ensure_topics(settings.kafka)
    logs = settings.state_dir / "logs"
    worker = Supervisor(["join"], 1, as_environment(settings), logs, click.echo)
    worker.start()
    probes = Probes(settings)
    kafka = settings.kafka
    try:
        with Publisher(str(kafka.bootstrap_servers), kafka.topic_prefix, CODEC) as publisher:
            for number in range(outcomes):
                publisher.publish(outcome(HOT, number))
            publisher.flush()
            probes.start()
            # The backlog of outcomes is no stall: wait until probes come through at once.
            while not (waits := probes.waits_s(0.0)) or waits[-1] > 1.0:
                worker.check()
                time.sleep(PROBE_EVERY_S)
            began_s = time.monotonic()
            publisher.publish(prediction(HOT))
            publisher.flush()
            while len(probes.hot_pairs) < outcomes:
                worker.check()
                if time.monotonic() - began_s > DEADLINE_S:
                    raise click.ClickException(f"{len(probes.hot_pairs)} pairs came")
                time.sleep(PROBE_EVERY_S)
            took_s = time.monotonic() - began_s
            # Outcomes that come to the hot key now meet its prediction at once.
            for number in range(outcomes, outcomes + 1_000):
                publisher.publish(outcome(HOT, number))
            publisher.flush()
            probes.stop()
    finally:
        worker.stop()
    waits = sorted(probes.waits_s(began_s))
    return {
        "outcomes": outcomes,
        "hot_pairs_s": round(took_s, 2),
        "probes": len(waits),
        "other_keys_wait_s_median": round(waits[len(waits) // 2], 3),
        "other_keys_wait_s_max": round(waits[-1], 3),
        "largest_state_record_bytes": largest_record(settings),
    }


@click.command()
@click.option("--outcomes", default=100_000, show_default=True, help="Outcomes of the hot key.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(outcomes: int, as_json: bool) -> None:
    """Measure how a hot key's work delays other keys, and how large its records are."""
    with own_stack(clickhouse=False) as (stack, root):
        settings = with_stack(
            Settings(state_dir=root, kafka=KafkaSettings(topic_prefix="hot")), stack.addresses
        )
        found = measured(settings, outcomes)
    rows = [[name, f"{value:,}"] for name, value in found.items()]
    finish("hot_key", found, rows, ["", "found"], as_json)


if __name__ == "__main__":
    main()
