"""How long a lane stands still when its worker is killed, or stops, with many open predictions.

    python benchmarks/take_over.py                       a million open predictions, about 4 minutes
    python benchmarks/take_over.py --predictions 100000 --json

Two workers of the join share the partitions. One is killed with -9, comes back, and is then stopped
in good order; each time outcomes for every partition are sent at once, and the time until the last
of their pairs can be read is taken. The workers have state folders of their own, as on two
machines (the taker restores from the changelog), or one in common (it opens the store it finds).
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import psutil

from benchmarks.kafka_side import Broker
from benchmarks.lab import own_stack
from benchmarks.show import finish
from connectors.publisher import Publisher
from schemas.codec import Codec
from schemas.events import AssayContext, Outcome, Pair, Prediction
from schemas.table import SchemaTable
from schemas.topics import topic_name
from streams.addresses import as_environment, with_stack
from streams.kafka_access import ensure_topics
from streams.local.stack import LocalStack
from streams.settings import Settings
from streams.settings.services import KafkaSettings
from streams.supervisor import Supervisor

CODEC = Codec(SchemaTable())
PROBES = 200
DEADLINE_S = 900.0
LOOK_EVERY_S = 0.05


class Bench:
    """Two workers over one topic prefix, and outcomes that ask whether every lane works."""

    def __init__(self, stack: LocalStack, folder: Path, predictions: int, shared: bool) -> None:
        self.settings = with_stack(
            Settings(
                state_dir=folder / "1", kafka=KafkaSettings(topic_prefix=f"b{uuid.uuid4().hex[:8]}")
            ),
            stack.addresses,
        )
        self.predictions = predictions
        self.said: list[str] = []
        folders = [folder / "1", folder / ("1" if shared else "2")]
        self._workers = [
            Supervisor(
                ["join"],
                1,
                as_environment(self.settings.model_copy(update={"state_dir": state_dir})),
                folder / f"logs-{number}",
                self.said.append,
            )
            for number, state_dir in enumerate(folders, 1)
        ]
        self._probes = 0
        ensure_topics(self.settings.kafka)
        kafka = self.settings.kafka
        self._publisher = Publisher(str(kafka.bootstrap_servers), kafka.topic_prefix, CODEC)
        self._broker = Broker(str(kafka.bootstrap_servers), kafka.partitions)
        self._reader = self._broker.reader(topic_name(kafka.topic_prefix, "pairs"))

    def load(self) -> None:
        """Publish the open predictions."""
        for i in range(self.predictions):
            self._publisher.publish(
                Prediction(
                    f"prediction-{i}", 0, False, f"CHEMBL{i}", "assay", AssayContext(), "net", "1",
                    float(i), unit="uM", predicted_at=1_790_000_000_000_000 + i,
                )
            )  # fmt: skip
        self._publisher.flush()

    def probe(self) -> float:
        """Send outcomes over all partitions; return the seconds until all their pairs are read."""
        started = time.monotonic()
        waiting = set()
        for _ in range(PROBES):
            self._probes += 1
            molecule = f"CHEMBL{self._probes * 31 % self.predictions}"
            event_id = f"outcome-{self._probes}"
            outcome = Outcome(event_id, 0, False, molecule, "assay", AssayContext(), 1.0, unit="uM")
            self._publisher.publish(outcome)
            waiting.add(event_id)
        self._publisher.flush()
        while waiting:
            self._workers[0].check()
            if time.monotonic() - started > DEADLINE_S:
                raise click.ClickException(f"{len(waiting)} pairs were never read")
            for message in self._reader.consume(1_000, LOOK_EVERY_S):
                if not message.error():
                    waiting.discard(CODEC.decode(message.value(), Pair).outcome.event_id)
        return time.monotonic() - started

    def take_in(self) -> float:
        """Wait until every prediction is taken and committed; return the seconds."""
        started = time.monotonic()
        kafka = self.settings.kafka
        topics = [topic_name(kafka.topic_prefix, "predictions")]
        end = self._broker.committed_end(topics)
        while self._broker.group_position(f"{kafka.topic_prefix}-join", topics) < end:
            self._workers[0].check()
            if time.monotonic() - started > DEADLINE_S:
                raise click.ClickException("the predictions were never all taken in")
            time.sleep(10 * LOOK_EVERY_S)
        return time.monotonic() - started

    @contextmanager
    def workers(self) -> Iterator[None]:
        """Run both workers for the length of the block."""
        for worker in self._workers:
            worker.start()
        try:
            yield
        finally:
            for worker in self._workers:
                worker.stop()

    def kill(self) -> float:
        """Kill the second worker with -9; return the seconds of standstill."""
        launcher = psutil.Process(self._workers[1].process_ids["join 1"])
        for process in [*launcher.children(recursive=True), launcher]:
            process.kill()
        return self.probe()

    def come_back(self) -> float:
        """Start the second worker again; return the seconds of standstill."""
        self._workers[1].start()
        self._await_members(2)
        return self.probe()

    def leave(self) -> float:
        """Stop the second worker in good order; return the seconds of standstill."""
        pid = self._workers[1].process_ids["join 1"]
        psutil.Process(pid).terminate()
        return self.probe()

    def _await_members(self, count: int) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while self._broker.members(f"{self.settings.kafka.topic_prefix}-join") != count:
            if time.monotonic() > deadline:
                raise click.ClickException(f"the group never had {count} members")
            time.sleep(LOOK_EVERY_S)


def measured(stack: LocalStack, folder: Path, predictions: int, shared: bool) -> dict[str, float]:
    """Return the seconds of each standstill for one way of keeping state."""
    bench = Bench(stack, folder, predictions, shared)
    found: dict[str, float] = {}

    def note(what: str, seconds: float) -> None:
        found[what] = round(seconds, 2)
        click.echo(f"  {what}: {seconds:.2f} s", err=True)

    bench.load()
    with bench.workers():
        note("taking in all predictions", bench.take_in())
        bench.probe()
        note("at rest", bench.probe())
        note("after kill -9", bench.kill())
        bench.take_in()
        bench.come_back()
        note("at rest again", bench.probe())
        note("after a stop in good order", bench.leave())
    return found


@click.command()
@click.option("--predictions", default=1_000_000, show_default=True, help="Open predictions.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(predictions: int, as_json: bool) -> None:
    """Measure how long lanes stand still when their worker goes."""
    results: dict[str, dict[str, float]] = {}
    with own_stack(clickhouse=False) as (stack, root):
        for name, shared in (("own state folders", False), ("one state folder", True)):
            click.echo(f"{predictions:,} open predictions, {name}", err=True)
            results[name] = measured(stack, root / name.split()[0], predictions, shared)
    own, one = results.values()
    rows = [[what, f"{own[what]:.2f}", f"{one[what]:.2f}"] for what in own]
    heading = ["seconds", *results]
    found = {"predictions": predictions, "standstill_s": results}
    finish("take_over", found, rows, heading, as_json)


if __name__ == "__main__":
    main()
