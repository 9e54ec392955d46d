"""What a million open predictions cost beside ten thousand: time, memory, disk, taking over.

    python benchmarks/scale.py                       1,000,000 against 10,000, about 6 minutes
    python benchmarks/scale.py --open 10000000 --json

One worker of the join for each size. Open are predictions that no outcome has answered, all in one
model, made over the last days. Then, for each size:

- throughput: 40,000 events that come at once, 2,000 of them outcomes of old open predictions, the
  others new predictions with their outcomes, until all is committed; the best of three;
- expiry: 2,500 more predictions, a day's worth of a million, fall due by a tick that the benchmark
  writes into the topic of ticks, until the coverage has them;
- disk: the store of the stopped worker when all are open, as it is and a copy of it compacted;
- taking over: a worker starts with its store, then without, and the time from its assignment until
  it has answered outcomes that wait for it; what Python needs to start is not in it.
"""

import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import psutil
from rocksdict import Options, Rdict

from benchmarks.lab import CODEC, DEADLINE_S, Lab, await_that, bytes_below, own_stack
from benchmarks.show import finish
from benchmarks.workload import DAY_US, Event
from schemas.events import AssayContext, Coverage, Outcome, Pair, Prediction, Tick
from streams.local.stack import LocalStack
from streams.supervisor import Supervisor

SMALL = 10_000
ROUNDS = 3
ROUND_EVENTS = 40_000
# A round asks for so many of the old open predictions; all rounds must find some in the small one.
ROUND_ANSWERS = 2_000
EXPIRING = 2_500
PROBES = 200
RETENTION_DAYS = 400
ASSAY = "assay"
SETTLED_LOOKS = 20
# On a machine that is busy with other work.
TAKEN_IN_PER_S_MIN = 3_000
WORKS = re.compile(r"works on partitions .*; (\d+) restored")


def prediction(name: str, predicted_at: int) -> Prediction:
    """Return the one prediction for a molecule."""
    return Prediction(
        f"prediction {name}", 0, False, name, ASSAY, AssayContext(), "net", "1", 6.0,
        uncertainty=0.4, unit="pIC50", predicted_at=predicted_at,
    )  # fmt: skip


def outcome(name: str, measured_at: int) -> Outcome:
    """Return the one outcome of a molecule."""
    context = AssayContext("LOT-1", "reader-1")
    event_id = f"outcome {name}"
    return Outcome(
        event_id, 0, False, name, ASSAY, context, 6.5, unit="pIC50", measured_at=measured_at
    )


class Scale:
    """One size: a lab of its own, and what is done to it."""

    def __init__(self, stack: LocalStack, folder: Path, open_predictions: int) -> None:
        self._lab, self._open = Lab(stack, folder), open_predictions
        self._now_us = time.time_ns() // 1_000
        self._answered = 0
        self._rounds = 0
        self._stores = folder / "stores"

    def run(self) -> dict[str, Any]:
        """Return the figures of this size."""
        found: dict[str, Any] = {"open": self._open}
        with click.progressbar(
            self._openings(), self._open, f"{self._open:,} open predictions", file=sys.stderr
        ) as openings:
            self._lab.send_all(openings)
        _say("taking in")
        with self._lab.stages("join") as running:
            took_s = self._await_consumed(running)
            found["taken_in_per_s"] = round(self._open / took_s)
            self._settled(running)
        found |= self._disk()
        _say("throughput and expiry")
        with self._lab.stages("join") as running:
            self._await_consumed(running)
            rates = [self._round(running) for _ in range(ROUNDS)]
            found["events_per_s"] = round(max(rates))
            found["resident_mb"] = round(_resident_bytes(running) / 1e6, 1)
            found["expiry_s"] = round(self._expire(running), 2)
        _say("taking over")
        found["from_store_s"] = round(self._take_over()[0], 2)
        shutil.rmtree(self._stores)
        seconds, restored = self._take_over()
        found["from_changelog_s"] = round(seconds, 2)
        found["restored_records"] = restored
        found["restored_per_s"] = round(restored / seconds)
        return found

    def _disk(self) -> dict[str, float]:
        """Return what the stopped worker's store takes, as it is and after a full compaction."""
        copy = self._stores.with_name("compacted")
        shutil.copytree(self._stores, copy)
        _compact(copy)
        bytes_as_is, bytes_compacted = bytes_below(self._stores), bytes_below(copy)
        shutil.rmtree(copy)
        return {
            "store_mb": round(bytes_as_is / 1e6, 1),
            "compacted_mb": round(bytes_compacted / 1e6, 1),
            "compacted_bytes_per_open": round(bytes_compacted / self._open, 1),
        }

    def _openings(self) -> Iterator[Event]:
        for i in range(self._open):
            yield prediction(f"CHEMBL{i}", self._now_us - i * 10 * DAY_US // self._open)

    def _await_consumed(self, running: Supervisor) -> float:
        self._lab.await_assigned(running, "join")
        return await_that(
            lambda: self._lab.consumed("join", "predictions", "outcomes"),
            running,
            "the input",
            within_s=DEADLINE_S + self._open / TAKEN_IN_PER_S_MIN,
        )

    def _settled(self, running: Supervisor) -> None:
        """Wait until nothing is committed any more: RocksDB and the coverage are through."""
        ends: list[int] = []

        def still() -> bool:
            ends.append(self._lab.broker.committed_end([self._lab.topic("join-changelog")]))
            return len(set(ends[-SETTLED_LOOKS:])) == 1 and len(ends) >= SETTLED_LOOKS

        await_that(still, running, "the join to be quiet")

    def _round(self, running: Supervisor) -> float:
        """Send events all at once; return how many per second are worked off."""
        number, self._rounds = self._rounds, self._rounds + 1
        events: list[Event] = [outcome(self._old(), self._now_us) for _ in range(ROUND_ANSWERS)]
        for i in range((ROUND_EVENTS - ROUND_ANSWERS) // 2):
            name = f"NEW{number}-{i}"
            events += [prediction(name, self._now_us - DAY_US), outcome(name, self._now_us)]
        began = time.monotonic()
        self._lab.send_all(events)
        await_that(
            lambda: (
                self._lab.lag("join", "predictions", "outcomes") <= 2 * self._lab.kafka.partitions
            ),
            running,
            "a round",
            0.01,
        )
        return ROUND_EVENTS / (time.monotonic() - began)

    def _old(self) -> str:
        """Return an open prediction's molecule that was not asked for yet, from all over them."""
        wanted = ROUNDS * ROUND_ANSWERS + 4 * PROBES
        name = f"CHEMBL{self._answered * (self._open // wanted)}"
        self._answered += 1
        return name

    def _expire(self, running: Supervisor) -> float:
        """Have a day's worth fall due; return the seconds until the coverage has counted them."""
        made_at = self._now_us - RETENTION_DAYS * DAY_US + DAY_US // 2
        self._lab.send_all(prediction(f"OLD{i}", made_at) for i in range(EXPIRING))
        self._settled(running)
        lanes = range(self._lab.kafka.partitions)
        began = time.monotonic()
        self._lab.send_all(Tick(lane, self._now_us + 2 * DAY_US) for lane in lanes)
        reader = self._lab.broker.reader(self._lab.topic("coverage"))
        expired = dict.fromkeys(lanes, 0)

        def all_expired() -> bool:
            for message in reader.consume(1_000, 0.02):
                if not message.error():
                    told = CODEC.decode(message.value(), Coverage)
                    expired[told.lane] = told.expired
            return sum(expired.values()) >= EXPIRING

        await_that(all_expired, running, "the expiry", 0.0)
        reader.close()
        return time.monotonic() - began

    def _take_over(self) -> tuple[float, int]:
        """Start a worker that outcomes wait for; return seconds and records it restored."""
        names = [self._old() for _ in range(PROBES)]
        self._lab.send_all(outcome(name, self._now_us) for name in names)
        waiting = {f"outcome {name}" for name in names}
        reader = self._lab.broker.reader(self._lab.topic("pairs"))
        log = self._lab.settings.state_dir / "logs" / "stage-join-1.log"
        seen = log.stat().st_size
        with self._lab.stages("join") as running:
            self._lab.await_assigned(running, "join", every_s=0.01)
            began = time.monotonic()

            def answered() -> bool:
                for message in reader.consume(10_000, 0.02):
                    if not message.error():
                        pair = CODEC.decode(message.value(), Pair)
                        waiting.discard(pair.outcome.event_id)
                return not waiting

            await_that(answered, running, "the pairs that wait", 0.0)
            seconds = time.monotonic() - began
        reader.close()
        told = WORKS.findall(log.read_text(errors="replace")[seen:])
        return seconds, sum(map(int, told))


def _say(what: str) -> None:
    click.echo(f"  {what}", err=True)


def _resident_bytes(running: Supervisor) -> int:
    return sum(
        process.memory_info().rss
        for pid in running.process_ids.values()
        for process in psutil.Process(pid).children(recursive=True)
    )


def _compact(stores: Path) -> None:
    for marker in stores.rglob("CURRENT"):
        db = Rdict(str(marker.parent), Options(raw_mode=True))
        db.compact_range(None, None)
        db.close()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--open", "open_predictions", default=1_000_000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(open_predictions: int, as_json: bool) -> None:
    """Measure the join with many open predictions beside ten thousand."""
    sizes: list[dict[str, Any]] = []
    with own_stack(clickhouse=False) as (stack, root):
        for size in (SMALL, open_predictions):
            sizes.append(Scale(stack, root / str(size), size).run())
    small, large = sizes
    ratios = {
        name: round(large[name] / small[name], 3)
        for name in ("events_per_s", "resident_mb", "expiry_s", "from_store_s")
    }
    rows = [
        [name, f"{small[name]:,}", f"{large[name]:,}", f"{ratios.get(name, '')}"] for name in small
    ]
    finish("scale", {"sizes": sizes, "ratios": ratios}, rows, ["", "small", "large", "÷"], as_json)


if __name__ == "__main__":
    main()
