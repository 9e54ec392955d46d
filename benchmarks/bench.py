"""A whole run: one stack, the input made once, every engine one after the other."""

import importlib
import logging
import pkgutil
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from confluent_kafka import KafkaException

import benchmarks.engines
from benchmarks.engine import REPOSITORY, Engine, PairKey, Place, decoder
from benchmarks.engines.recalibra import Recalibra
from benchmarks.kafka_side import PARTITIONS, Broker, Message, encoded
from benchmarks.measure import Measurement, Result, Say, Work, version_of
from benchmarks.oracle import TruePair, pairs_of
from benchmarks.workload import DAY_US, events
from schemas.codec import Codec
from schemas.errors import RecalibraError
from schemas.table import SchemaTable
from streams.local.stack import LocalStack

log = logging.getLogger(__name__)

BENCHMARKS = ("join", "pipeline")
# A plain engine takes 400 µs an event; one that takes five times as long is given up.
SECONDS_MAX_BASE = 45.0
SECONDS_MAX_PER_EVENT = 0.002
DECODE_SAMPLE = 5_000

Results = dict[str, dict[str, Result]]


def engines_of(benchmark: str) -> dict[str, Engine]:
    """Return the engines of a benchmark by name, in the order of their files."""
    attribute = benchmark.upper()
    found: dict[str, Engine] = {}
    for module in pkgutil.iter_modules(benchmarks.engines.__path__):
        engine = getattr(
            importlib.import_module(f"benchmarks.engines.{module.name}"), attribute, None
        )
        if engine is not None:
            found[engine.name] = engine
    return found


@dataclass
class _Input:
    """An input shape as made: what is produced and which pairs are in it."""

    messages: list[Message]
    pairs: dict[PairKey, TruePair]


@dataclass
class Bench:
    """A run over `count` events with a seed, everything of it below `folder`.

    `say` is told what is being done, in one line that the next one may overwrite; `done` is given
    every result as it comes. `workers` share this project's pipeline.
    """

    folder: Path
    count: int
    seed: int
    say: Say
    done: Callable[[str, Result], None]
    workers: int = 1
    _inputs: dict[str, _Input] = field(default_factory=dict, init=False)
    _loaded: set[str] = field(default_factory=set, init=False)
    _codec: Codec = field(default_factory=lambda: Codec(SchemaTable()), init=False)

    def run(self, only: Sequence[str] = ()) -> Results:
        """Run the engines named in `only`, all when it is empty; return what each reached."""
        results: Results = {}
        with self._stack() as stack:
            broker = Broker(stack.bootstrap_servers)
            for benchmark in BENCHMARKS:
                reached = results.setdefault(benchmark, {})
                for name, engine in engines_of(benchmark).items():
                    if only and name not in only:
                        continue
                    before = results["join"].get(name)
                    if benchmark != "join" and engine is engines_of("join").get(name) and before:
                        reached[name] = before
                        continue
                    if benchmark != "join" and isinstance(engine, Recalibra):
                        engine = replace(engine, workers=self.workers)
                    reached[name] = self._measured(benchmark, engine, broker, stack)
                    self.done(benchmark, reached[name])
        return results

    @contextmanager
    def _stack(self) -> Iterator[LocalStack]:
        self.say("starting Kafka and ClickHouse")
        cache = REPOSITORY / ".recalibra" / "cache"
        with LocalStack(self.folder / "stack", cache, progress=self.say) as stack:
            yield stack

    def _measured(
        self, benchmark: str, engine: Engine, broker: Broker, stack: LocalStack
    ) -> Result:
        name = engine.name
        version = version_of(engine)
        if version is None:
            return Result(name, error="not installed: make bench installs it when PyPI is there")
        # The pipeline owns its topics: its stages' names follow from their prefix.
        prefix = engine.shape if benchmark == "join" else benchmark
        folder = self.folder / benchmark / name
        folder.mkdir(parents=True)
        place = Place(
            broker.bootstrap_servers,
            prefix,
            f"{prefix}.{name}-pairs",
            f"{prefix}-{name}",
            str(folder),
            str(self.folder / "stack"),
            PARTITIONS,
        )
        log_path = self.folder / "logs" / f"{benchmark}-{name}.log"
        try:
            work = self._work(broker, prefix, engine.shape)
            seconds_max = SECONDS_MAX_BASE + self.count * SECONDS_MAX_PER_EVENT
            measurement = Measurement(engine, place, work, broker, seconds_max)
            return measurement.run(log_path, lambda text: self.say(f"{benchmark}, {name}: {text}"))
        except (RecalibraError, KafkaException) as error:
            log.warning("%s failed: %s", name, error)
            return Result(name, version=version, note=engine.note, error=self._unplaced(str(error)))

    def _unplaced(self, text: str) -> str:
        """Return a text that may quote a log without the folders of this machine."""
        for place in (self.folder, REPOSITORY, Path.home()):
            text = text.replace(f"{place}/", "")
        return text

    def _work(self, broker: Broker, prefix: str, shape: str) -> Work:
        """Return the input under a prefix, made and produced when it is wanted first."""
        if shape not in self._inputs:
            self.say(f"making {self.count:,} events ({shape})")
            # Yesterday's midnight in UTC less the days of the story: nothing of it expires.
            start_us = (time.time_ns() // 1_000 // DAY_US - 30) * DAY_US
            made = events(shape, self.count, self.seed, start_us)
            self._inputs[shape] = _Input(list(encoded(made, self._codec)), pairs_of(made))
        made_input = self._inputs[shape]
        if prefix not in self._loaded:
            self.say(f"producing {self.count:,} events to {prefix}.*")
            broker.load(prefix, made_input.messages)
            self._loaded.add(prefix)
        return Work(prefix, self.count, made_input.pairs)


def decode_us(seed: int) -> float:
    """Return the microseconds of one fastavro decode, over both kinds of events as they come."""
    codec = Codec(SchemaTable())
    sample = list(encoded(events("full", DECODE_SAMPLE, seed, 0), codec))
    decode = decoder("Outcome"), decoder("Prediction")
    random.Random(seed).shuffle(sample)
    best_s = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        for message in sample:
            decode[message.is_prediction](message.value)
        best_s = min(best_s, time.perf_counter() - begun)
    return round(best_s / len(sample) * 1e6, 2)
