"""An hour of load through join, monitor and sink: does memory stay flat, does lag, is all right?

    make soak                          1,000 events/s for an hour
    make soak SOAK="--minutes 5"       a short one; its memory is shown and not judged

The input is that of the benchmarks (`workload.py`, shape full): several models, replicates, partial
contexts, revisions, duplicates, outcomes before predictions. Bounds:

- resident memory of each stage, the median of a minute, grows by no more than 5 % over the minute
  that ends the warm-up of ten; judged when the run is at least twice as long. Kafka's and
  ClickHouse's are shown;
- no stage is more than ten seconds of input behind, once all run;
- no stage ends;
- in the end every view of ClickHouse holds what the input says (`soak_oracle.py`), alerts and dead
  letters what their topics say.

Ends with code 1 when one is broken.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import click
import psutil
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.lab import CODEC, Lab, Paced, await_that, own_stack
from benchmarks.show import finish
from benchmarks.soak_oracle import SoakOracle, chunk_of
from benchmarks.workload import DAY_US, Event
from processors.topology import TOPOLOGY
from schemas.events import Alert, DeadLetter
from schemas.topics import TOPICS
from streams.clickhouse_access import asking
from streams.kafka_access import stage_names
from streams.supervisor import Supervisor

WARM_UP_S = 600.0
GROWTH_MAX = 0.05
LAG_MAX_S = 10.0
CHUNK_S = 20.0
SAMPLE_EVERY_S = 5.0
MINUTE_S = 60.0
SETTLED_LOOKS = 20
SEED = 1
INPUTS = {stage.name: stage.inputs for stage in TOPOLOGY} | {"sink": tuple(TOPICS)}
STARTED_S = 20.0


class Sample(NamedTuple):
    """One look: seconds since the start, resident bytes by process, and by stage lag and all input.

    Both are in records, as offsets count them.
    """

    at_s: float
    resident: dict[str, int]
    lag: dict[str, int]
    input: dict[str, int]


def growth(samples: list[Sample], process: str, warm_up_s: float) -> float | None:
    """Return the highest minute's median of resident memory over that of the warm-up's last minute.

    As a part: 0.05 is 5 % more. None when the samples do not reach a minute past the warm-up.

    >>> day = [Sample(s, {"join": 100 if s < 900 else 110}, {}, {}) for s in range(0, 1200, 5)]
    >>> growth(day, "join", 600.0), growth(day, "join", 3000.0)
    (0.1, None)
    """
    minutes: dict[int, list[int]] = {}
    for sample in samples:
        minutes.setdefault(int(sample.at_s // MINUTE_S), []).append(sample.resident[process])
    first = int(warm_up_s // MINUTE_S) - 1
    later = [statistics.median(found) for minute, found in minutes.items() if minute > first]
    if first not in minutes or not later:
        return None
    return round(max(later) / statistics.median(minutes[first]) - 1, 4)


def lag_s_max(samples: list[Sample], stage: str) -> float:
    """Return the longest that a stage was behind, in seconds of its input at the mean rate.

    Looks before all stages run are left out.

    >>> looks = [Sample(s, {}, {"join": 50 if s == 60 else 5}, {"join": s}) for s in range(120)]
    >>> lag_s_max(looks, "join")
    50.0
    """
    steady = [sample for sample in samples if sample.at_s >= STARTED_S]
    if len(steady) < 2:
        return 0.0
    first, last = steady[0], steady[-1]
    rate = (last.input[stage] - first.input[stage]) / (last.at_s - first.at_s)
    return round(max(sample.lag[stage] for sample in steady) / max(rate, 1.0), 2)


class Soak:
    """One run over a lab; `services` are the processes of Kafka and ClickHouse by name."""

    def __init__(self, lab: Lab, services: dict[str, int], rate: float, minutes: float) -> None:
        self._lab, self._services = lab, services
        self._rate, self._seconds = rate, minutes * 60
        self._start_us = (time.time_ns() // 1_000 // DAY_US - 5) * DAY_US
        self._chunk_events = int(rate * CHUNK_S)
        self.samples: list[Sample] = []
        self.sent = self.looks_missed = 0

    def _chunk(self, number: int) -> list[Event]:
        # Later chunks are measured later, within the days of the run's own clock.
        start_us = self._start_us + int(number * CHUNK_S * 1e6)
        return chunk_of(number, self._chunk_events, SEED, start_us)

    def _events(self) -> Iterator[Event]:
        for number in range(int(self._seconds / CHUNK_S)):
            yield from self._chunk(number)

    def run(self, bar: Progress) -> dict[str, Any]:
        """Send the load, watch, and compare; return the figures and what is broken."""
        task = bar.add_task("load", total=self._seconds)
        with self._lab.stages(*stage_names()) as running:
            self._lab.await_assigned(running, *stage_names())
            load = Paced(self._lab.send, self._events(), self._rate)
            load.start()
            began = time.monotonic()
            while not load.over:
                running.check()
                self._sample(time.monotonic() - began, running)
                bar.update(task, completed=time.monotonic() - began)
                time.sleep(SAMPLE_EVERY_S)
            load.stop()
            self._lab.flush()
            self.sent = load.sent
            bar.update(task, description="the rest of it", completed=self._seconds)
            drained_s = await_that(self._still(), running, "the stages to be through")
            bar.update(task, description="comparing")
            oracle = self._compared()
        return self._found(oracle, load.behind_s_max, drained_s)

    def _sample(self, at_s: float, running: Supervisor) -> None:
        roots = {name.removesuffix(" 1"): pid for name, pid in running.process_ids.items()}
        # A stage that is about to be started again has no process.
        resident = dict.fromkeys(stage_names(), 0)
        resident |= {name: _resident(pid) for name, pid in (self._services | roots).items()}
        try:
            lag = {stage: self._lab.lag(stage, *shorts) for stage, shorts in INPUTS.items()}
            ends = {
                stage: self._lab.broker.committed_end([self._lab.topic(short) for short in shorts])
                for stage, shorts in INPUTS.items()
            }
        except KafkaException:
            # A broker that is short of processor time elects its leaders anew. The stages wait for
            # it, and the lag shows in the next look.
            self.looks_missed += 1
            return
        self.samples.append(Sample(at_s, resident, lag, ends))

    def _still(self) -> Any:
        """Return whether nothing moves any more and every stage has all of its input."""
        topics = [self._lab.topic(short) for short in TOPICS]
        ends: list[int] = []

        def still() -> bool:
            ends.append(self._lab.broker.committed_end(topics))
            if len(ends) < SETTLED_LOOKS or len(set(ends[-SETTLED_LOOKS:])) > 1:
                return False
            return all(self._lab.consumed(stage, *shorts) for stage, shorts in INPUTS.items())

        return still

    def _compared(self) -> SoakOracle:
        with asking(self._lab.settings.clickhouse) as client:

            def ask(sql: str) -> list[tuple[Any, ...]]:
                return [tuple(row) for row in client.query(sql).result_rows]

            oracle = SoakOracle(ask)
            left = self.sent
            for number in range(int(self._seconds / CHUNK_S)):
                chunk = self._chunk(number)[:left]
                left -= len(chunk)
                if chunk:
                    oracle.take(f"{number:06}-", chunk)
            oracle.finish()
            for view, short, column in (
                ("alerts", "alerts", "alert_id"),
                ("dead_letters", "dead-letters", "dead_letter_id"),
            ):
                self._as_told(oracle, ask, view, short, column)
            late = ask("SELECT count() FROM late")[0][0]
            if late:
                oracle.differences.append(f"late: {late} rows, none expected")
        return oracle

    def _as_told(self, oracle: SoakOracle, ask: Any, view: str, short: str, column: str) -> None:
        """Hold a view against its topic: it follows from the order of the log, not from a batch."""
        values = self._lab.broker.read(self._lab.topic(short))
        kind: type[Alert] | type[DeadLetter] = Alert if short == "alerts" else DeadLetter
        told = {getattr(CODEC.decode(value, kind), column) for _, value in values}
        shown = {row[0] for row in ask(f"SELECT {column} FROM {view}")}
        oracle.compared[view] = len(told)
        if told != shown:
            oracle.differences.append(f"{view}: {len(told ^ shown)} differ from the topic")

    def _found(self, oracle: SoakOracle, behind_s: float, drained_s: float) -> dict[str, Any]:
        judged = self._seconds >= 2 * WARM_UP_S
        warm_up_s = WARM_UP_S if judged else max(MINUTE_S, self._seconds / 3 // 60 * 60)
        processes = self.samples[-1].resident
        memory = {
            name: {
                "first_mb": round(self.samples[0].resident[name] / 1e6, 1),
                "last_mb": round(processes[name] / 1e6, 1),
                "growth": growth(self.samples, name, warm_up_s),
                "judged": judged and name not in self._services,
            }
            for name in processes
        }
        lags = {stage: lag_s_max(self.samples, stage) for stage in INPUTS}
        return {
            "minutes": self._seconds / 60,
            "events_per_s": self._rate,
            "events": self.sent,
            "sent_late_s_max": round(behind_s, 2),
            "drained_s": round(drained_s, 1),
            "looks_missed": self.looks_missed,
            "memory": memory,
            "lag_s_max": lags,
            "compared": oracle.compared,
            "differences": oracle.differences,
            "ended": self._lab.said,
            "broken": broken(memory, lags, oracle.differences, self._lab.said),
        }


def broken(
    memory: dict[str, dict[str, Any]],
    lags: dict[str, float],
    differences: list[str],
    ended: list[str],
) -> list[str]:
    """Return a sentence for every bound that is broken.

    >>> broken({"join": {"growth": 0.2, "judged": True}}, {"sink": 9.0}, [], [])
    ['join: resident memory grew by 20.0 %, more than 5 %']
    """
    told = [
        f"{name}: resident memory grew by {of['growth']:.1%}".replace("%", " %")
        + f", more than {GROWTH_MAX:.0%}".replace("%", " %")
        for name, of in memory.items()
        if of["judged"] and of["growth"] is not None and of["growth"] > GROWTH_MAX
    ]
    told += [
        f"{stage}: {lag_s:g} s of input behind, more than {LAG_MAX_S:g} s"
        for stage, lag_s in lags.items()
        if lag_s > LAG_MAX_S
    ]
    return told + differences + ended


def _resident(pid: int) -> int:
    """Return the resident bytes of a launcher's process tree; 0 while it is started again."""
    try:
        root = psutil.Process(pid)
        return sum(p.memory_info().rss for p in root.children(recursive=True))
    except psutil.NoSuchProcess:
        return 0


def _rows(found: dict[str, Any]) -> list[list[str]]:
    rows: list[list[str]] = []
    for name, of in found["memory"].items():
        grown = "–" if of["growth"] is None else f"{of['growth']:+.1%}"
        lag = found["lag_s_max"].get(name)
        behind = "" if lag is None else f"{lag:g}"
        mark = "" if of["judged"] else "not judged"
        rows.append([name, f"{of['first_mb']:,}", f"{of['last_mb']:,}", grown, mark, behind])
    return rows


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--minutes", default=60.0, show_default=True, help="How long.")
@click.option("--rate", default=1_000.0, show_default=True, help="Events per second.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(minutes: float, rate: float, as_json: bool) -> None:
    """Run a steady load and say whether memory, lag and results stay within their bounds."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with (
        own_stack(clickhouse=True) as (stack, root),
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
    ):
        found = Soak(Lab(stack, root / "lab"), stack.process_ids, rate, minutes).run(bar)
    heading = [
        f"{found['events']:,} events in {minutes:g} minutes", "MB first", "MB last", "growth",
        "", "behind at most, s",
    ]  # fmt: skip
    finish("soak", found, _rows(found), heading, as_json)
    if not as_json:
        compared = ", ".join(f"{count:,} {view}" for view, count in found["compared"].items())
        click.echo(f"compared with the input: {compared}")
        for sentence in found["broken"]:
            click.echo(f"broken: {sentence}")
        if not found["broken"]:
            click.echo("every bound holds")
    if found["broken"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
