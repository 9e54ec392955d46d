"""How long after an outcome its pair can be read, and its row be seen in ClickHouse.

    python benchmarks/latency.py                    2,000 events/s for a minute
    python benchmarks/latency.py --seconds 20 --json

A prediction and an outcome for it, sent one second later, in equal parts. The clock starts when the
broker appends the outcome (its own time stamp, in milliseconds) and stops when a reader of
committed records has the pair, or a question to ClickHouse has the row: that is asked for a sample
of the outcomes, as often as `--ask-every-ms` says, which is also how exact it is. Join, monitor and
sink run with the settings' defaults, one process each.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import click

from benchmarks.lab import CODEC, Lab, Paced, await_that, own_stack
from benchmarks.show import finish, percentiles_ms
from benchmarks.usage import Usage
from benchmarks.workload import Event
from schemas.events import AssayContext, Outcome, Pair, Prediction
from streams.clickhouse_access import asking
from streams.kafka_access import stage_names

WARM_UP_S = 5.0
BETWEEN_S = 1.0
SAMPLED_PER_S = 10.0
ASSAYS = 8
MODELS = 4
ASK = "SELECT DISTINCT outcome_id FROM pairs_rows WHERE molecule_id IN {molecules:Array(String)}"


def events(rate_per_s: float, seconds: float) -> Iterator[Event]:
    """Yield predictions, and a second after each its outcome, in the order of their sending."""
    rng = random.Random(1)
    pairs = int(rate_per_s / 2 * seconds)
    behind = int(BETWEEN_S * rate_per_s / 2)
    start_us = time.time_ns() // 1_000 - 60_000_000
    for i in range(pairs + behind):
        if i < pairs:
            yield Prediction(
                f"p{i}", 0, False, f"M{i}", f"assay-{i % ASSAYS}", AssayContext(),
                f"model-{i % MODELS}", "1", rng.gauss(6, 1), unit="pIC50",
                predicted_at=start_us + i,
            )  # fmt: skip
        if (j := i - behind) >= 0:
            context = AssayContext(f"LOT-{j % 20}", f"reader-{j % 4}")
            yield Outcome(
                f"o{j}", 0, False, f"M{j}", f"assay-{j % ASSAYS}", context,
                rng.gauss(6, 1), unit="pIC50", measured_at=start_us + 1_000_000 + j,
            )  # fmt: skip


class _Thread:
    """Calls `look` again and again until it is stopped; what it raises ends the run."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; raises what the thread raised."""
        self._stopping.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.look()
        except BaseException as error:  # told by `stop`
            self._error = error

    def look(self) -> None:
        """Do one step."""
        raise NotImplementedError


class PairsSeen(_Thread):
    """When a reader of committed records had the first pair of each outcome, in seconds."""

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self._reader = lab.broker.reader(lab.topic("pairs"))
        self.at_s: dict[str, float] = {}

    def look(self) -> None:
        """Take one message."""
        message = self._reader.poll(0.1)
        if message is not None and not message.error():
            now_s = time.time()
            self.at_s.setdefault(CODEC.decode(message.value(), Pair).outcome.event_id, now_s)


class RowsSeen(_Thread):
    """When ClickHouse first showed the pair of each sampled outcome, in seconds."""

    def __init__(self, lab: Lab, every_s: float) -> None:
        super().__init__()
        self._lab, self._every_s = lab, every_s
        self._waiting: deque[Outcome] = deque()
        self._asking = asking(lab.settings.clickhouse)
        self._client = self._asking.__enter__()
        self.at_s: dict[str, float] = {}

    def await_row(self, outcome: Outcome) -> None:
        """Look out for the row of an outcome."""
        self._waiting.append(outcome)

    def look(self) -> None:
        """Ask once for all that is waited for."""
        began = time.monotonic()
        waiting = {o.event_id: o for o in list(self._waiting)}
        if waiting:
            molecules = [outcome.molecule_id for outcome in waiting.values()]
            found = self._client.query(ASK, parameters={"molecules": molecules}).result_rows
            now_s = time.time()
            for (event_id,) in found:
                if (seen := waiting.get(event_id)) is not None:
                    self.at_s[event_id] = now_s
                    self._waiting.remove(seen)
        self._stopping.wait(max(0.0, self._every_s - (time.monotonic() - began)))

    def stop(self) -> None:
        """End, and let go of the connection."""
        try:
            super().stop()
        finally:
            self._asking.__exit__(None, None, None)


def measured(lab: Lab, pids: dict[str, int], rate: float, seconds: float, ask_s: float) -> Any:
    """Run the load and return the figures; `pids` are the services' processes."""
    for short in ("outcomes", "predictions"):
        lab.broker.stamp_at_append(lab.topic(short))
    with lab.stages(*stage_names()) as running:
        lab.await_assigned(running, *stage_names())
        seen, rows = PairsSeen(lab), RowsSeen(lab, ask_s)
        seen.start()
        rows.start()
        every = max(1, int(rate / 2 / SAMPLED_PER_S))

        def send(event: Event) -> None:
            lab.send(event)
            if isinstance(event, Outcome) and int(event.event_id[1:]) % every == 0:
                rows.await_row(event)

        load = Paced(send, events(rate, WARM_UP_S + seconds), rate)
        load.start()
        time.sleep(WARM_UP_S)
        roots = pids | {w.removesuffix(" 1"): p for w, p in running.process_ids.items()}
        usages = {name: Usage() for name in roots}
        for name, pid in roots.items():
            usages[name].begin([pid])
        began_s, began = time.time(), time.monotonic()
        while not load.over:
            running.check()
            time.sleep(0.2)
        elapsed_s = time.monotonic() - began
        for name, pid in roots.items():
            usages[name].sample([pid])
        load.stop()
        lab.flush()
        wanted = load.sent // 2
        await_that(lambda: len(seen.at_s) >= wanted, running, "the last pairs")
        await_that(lambda: len(rows.at_s) >= wanted // every, running, "the last rows")
        seen.stop()
        rows.stop()
    appended = {o: at for o, at in appended_s(lab).items() if at >= began_s}
    return {
        "events_per_s": rate,
        "seconds": round(elapsed_s, 1),
        "sent_late_s_max": round(load.behind_s_max, 3),
        "pair_readable": percentiles_ms([seen.at_s[o] - at for o, at in appended.items()]),
        "row_visible": percentiles_ms(
            [rows.at_s[o] - at for o, at in appended.items() if o in rows.at_s]
        ),
        "asked_every_ms": ask_s * 1_000,
        "cores": {name: round(usage.cpu_s / elapsed_s, 3) for name, usage in usages.items()},
    }


def appended_s(lab: Lab) -> dict[str, float]:
    """Return when the broker appended each outcome, in seconds since 1970."""
    reader = lab.broker.reader(lab.topic("outcomes"))
    end = lab.broker.committed_end([lab.topic("outcomes")])
    found: dict[str, float] = {}
    while len(found) < end:
        for message in reader.consume(5_000, 0.2):
            if not message.error():
                event_id = CODEC.decode(message.value(), Outcome).event_id
                found[event_id] = message.timestamp()[1] / 1_000
    reader.close()
    return found


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rate", default=2_000.0, show_default=True, help="Events per second.")
@click.option("--seconds", default=60.0, show_default=True, help="How long to measure.")
@click.option("--ask-every-ms", default=50.0, show_default=True, help="How often to ask for rows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(rate: float, seconds: float, ask_every_ms: float, as_json: bool) -> None:
    """Measure how long after an outcome its pair can be read and its row be seen."""
    with own_stack(clickhouse=True) as (stack, root):
        pids = stack.process_ids
        found = measured(Lab(stack, root / "lab"), pids, rate, seconds, ask_every_ms / 1_000)
    rows = [
        [name, *(f"{found[name][figure]:,.0f}" for figure in ("p50_ms", "p99_ms", "max_ms"))]
        for name in ("pair_readable", "row_visible")
    ]
    rows += [[f"cores: {name}", f"{used:.2f}", "", ""] for name, used in found["cores"].items()]
    rows.append(
        ["an event was sent late by at most", "", "", f"{found['sent_late_s_max'] * 1_000:,.0f}"]
    )
    heading = [f"{rate:,.0f} events/s for {seconds:g} s", "p50 ms", "p99 ms", "max ms"]
    finish("latency", found, rows, heading, as_json)


if __name__ == "__main__":
    main()
