"""What an engine under measurement is: how it starts, what it reads and what it says of a pair.

Only the standard library is imported here, since every engine's own environment does so too.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

REPOSITORY = Path(__file__).resolve().parents[1]
AVRO_DIR = REPOSITORY / "schemas" / "avro"
PEERS_PYTHON = REPOSITORY / ".tools" / "peers" / "bin" / "python"
PLACE_VARIABLE = "RECALIBRA_BENCHMARK_PLACE"
# Zero byte and schema id in front of an Avro record.
HEADER_BYTES = 5
STOP_GRACE_S = 3.0

PairKey = tuple[str, str]
# Gives (offset, value) of every committed record of a topic.
Read = Callable[[str], Iterable[tuple[int, bytes]]]


@dataclass(frozen=True)
class Place:
    """Where an engine works: its input is PREFIX.predictions and PREFIX.outcomes.

    `group` is the consumer group it must use, `folder` an empty folder of its own and
    `stack_folder` that of the running local stack.
    """

    bootstrap_servers: str
    prefix: str
    output_topic: str
    group: str
    folder: str
    stack_folder: str
    partitions: int

    @property
    def inputs(self) -> tuple[str, str]:
        """The topics of predictions and of outcomes."""
        return f"{self.prefix}.predictions", f"{self.prefix}.outcomes"

    @classmethod
    def given(cls) -> "Place":
        """Return the place that the harness gave this process."""
        return cls(**json.loads(os.environ[PLACE_VARIABLE]))


class WrittenPair(NamedTuple):
    """What an engine's output says of one pair; the one of the highest `order` counts.

    `status` None: the engine does not tell it. `stands` False: the pair is taken back.
    """

    key: PairKey
    prediction_revision: int
    outcome_revision: int
    order: tuple[int, int]
    status: str | None = None
    stands: bool = True


class Running(Protocol):
    """An engine at work."""

    def process_ids(self) -> list[int]:
        """Return the processes at the roots of everything the engine runs."""

    def check(self) -> None:
        """Do nothing while it works; raises RecalibraError when it died."""

    def stop(self) -> None:
        """End it and all it started."""


class Engine(Protocol):
    """An engine as a benchmark sees it.

    `shape` names the input it can express (see `benchmarks.workload`) and `note` says what it
    leaves out. `distribution` is the package whose version is told, as the environment of
    `python`, the interpreter that runs it, has it. `commits_what_is_done` says whether it commits
    offsets only behind its results.
    """

    name: str
    shape: str
    note: str
    distribution: str
    python: Path
    commits_what_is_done: bool

    def start(self, place: Place, log_path: Path) -> Running:
        """Start it and return at once."""

    def output_topic(self, place: Place) -> str | None:
        """Return the topic its pairs go to; None for an engine that writes none."""

    def groups(self, place: Place) -> list[str]:
        """Return the groups that read, the one that reads the input first."""

    def result_group(self, place: Place) -> str | None:
        """Return the group whose committed offsets are the results; None: the output topic is."""

    def written(self, place: Place, read: Read) -> Iterable[WrittenPair]:
        """Return the pairs it wrote; `read` gives the committed (offset, value) of a topic."""


@dataclass(frozen=True)
class Module:
    """An engine whose file is run as a module by a Python of its own."""

    name: str
    distribution: str
    read: Callable[[bytes, int], WrittenPair] | None
    shape: str = "full"
    note: str = ""
    python: Path = PEERS_PYTHON
    commits_what_is_done: bool = True
    groups_of: Callable[[Place], list[str]] | None = None

    def start(self, place: Place, log_path: Path) -> Running:
        """Start the module; whether it can run at all shows in the first `check`."""
        from streams.local.child import Child

        child = Child(
            self.name,
            [str(self.python), "-m", f"benchmarks.engines.{self.name}"],
            log_path,
            environment={
                PLACE_VARIABLE: json.dumps(asdict(place)),
                "PYTHONPATH": str(REPOSITORY),
            },
            working_folder=Path(place.folder),
        )
        child.start()
        return RunningChild(child)

    def output_topic(self, place: Place) -> str | None:
        """Return the topic its pairs go to."""
        return place.output_topic if self.read is not None else None

    def groups(self, place: Place) -> list[str]:
        """Return the one group that it was given, or those that it makes of it."""
        return [place.group] if self.groups_of is None else self.groups_of(place)

    def result_group(self, place: Place) -> str | None:
        """Return its group if it writes nothing."""
        return place.group if self.read is None else None

    def written(self, place: Place, read: Read) -> Iterable[WrittenPair]:
        """Return the pairs in its output topic."""
        if self.read is None:
            return
        for offset, value in read(place.output_topic):
            yield self.read(value, offset)


class RunningChild:
    """A `Child` as an engine at work."""

    def __init__(self, child: Any) -> None:
        self._child = child

    def process_ids(self) -> list[int]:
        """Return the launcher's process id."""
        return [self._child.pid]

    def check(self) -> None:
        """Raise OursError, with the end of its log, when it died."""
        self._child.check()

    def stop(self) -> None:
        """End it, with three seconds to do so in good order."""
        self._child.stop(STOP_GRACE_S)


def decoder(name: str) -> Callable[[bytes], dict[str, Any]]:
    """Return what turns a Kafka value into a dict: fastavro with the event's schema.

    Times stay integers, as in this project's own codec, since making dates costs every engine.
    """
    import io

    from fastavro import parse_schema, schemaless_reader
    from fastavro.schema import load_schema

    def bare(schema: Any) -> Any:
        if isinstance(schema, dict):
            marks = ("logicalType", "__fastavro_parsed__", "__named_schemas")
            return {k: bare(v) for k, v in schema.items() if k not in marks}
        return [bare(s) for s in schema] if isinstance(schema, list) else schema

    schema = parse_schema(bare(load_schema(str(AVRO_DIR / f"recalibra.{name}.avsc"))))

    def decode(value: bytes) -> dict[str, Any]:
        data = io.BytesIO(value)
        data.seek(HEADER_BYTES)
        record: dict[str, Any] = schemaless_reader(data, schema, None)
        return record

    return decode


CONTEXT = ("reagent_batch", "instrument", "operator", "protocol_version")


def meets(stated: dict[str, Any], measured: dict[str, Any]) -> bool:
    """Return whether an outcome's context meets every field that a prediction states."""
    return all(stated[field] in (None, measured[field]) for field in CONTEXT)


def read_json_pair(value: bytes, offset: int) -> WrittenPair:
    """Return what a JSON object of both records says; of one pair the last said counts."""
    pair = json.loads(value)
    prediction, outcome = pair["prediction"], pair["outcome"]
    return WrittenPair(
        (prediction["event_id"], outcome["event_id"]),
        prediction["revision"],
        outcome["revision"],
        (0, offset),
    )


def run_here(main: Callable[[Place], None]) -> None:
    """Run an engine's `main` with the place that the harness gave; the process ends with it."""
    main(Place.given())
    sys.exit()
