"""This project: the stage processes that `recalibra worker` runs, with the settings' defaults."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engine import Place, Read, Running, WrittenPair
from processors.pairing import RETRACTED
from schemas.codec import Codec
from schemas.errors import OursError
from schemas.events import Pair
from schemas.table import SchemaTable
from streams.addresses import as_environment, with_stack
from streams.clickhouse_access import asking, ensure_tables
from streams.kafka_access import stage_names
from streams.local.state import read_running_stack
from streams.settings import Settings
from streams.settings.services import KafkaSettings
from streams.supervisor import Supervisor

CODEC = Codec(SchemaTable())
PAIRS_AT_REST = """
    SELECT pairs.prediction_id, pairs.outcome_id, predictions.revision, outcomes.revision,
        pairs.status, pairs.predicted = predictions.value AND pairs.measured = outcomes.value
    FROM pairs
    JOIN predictions ON predictions.event_id = pairs.prediction_id
    JOIN outcomes ON outcomes.event_id = pairs.outcome_id
"""


@dataclass(frozen=True)
class Recalibra:
    """Some of the stages; with the sink, results are what it has written.

    Each stage has `workers` processes.
    """

    stages: Sequence[str]
    name: str = "recalibra"
    workers: int = 1
    shape: str = "full"
    note: str = ""
    distribution: str = "recalibra"
    python: Path = Path(sys.executable)
    commits_what_is_done: bool = True

    def start(self, place: Place, log_path: Path) -> Running:
        """Start the stages under a supervisor, as `recalibra worker` does."""
        settings = _settings(place)
        if "sink" in self.stages:
            ensure_tables(settings.clickhouse)
        return _Stages(self.stages, self.workers, settings, log_path.parent)

    def output_topic(self, place: Place) -> str | None:
        """Return the topic of pairs."""
        return f"{place.prefix}.pairs"

    def groups(self, place: Place) -> list[str]:
        """Return the group of every stage."""
        return [f"{place.prefix}-{stage}" for stage in self.stages]

    def result_group(self, place: Place) -> str | None:
        """Return the sink's group, if there is one: it commits what it has written."""
        return f"{place.prefix}-sink" if "sink" in self.stages else None

    def written(self, place: Place, read: Read) -> Iterable[WrittenPair]:
        """Return the pairs of the topic, or those in ClickHouse when there is a sink."""
        if "sink" in self.stages:
            yield from _pairs_at_rest(_settings(place))
            return
        for offset, value in read(f"{place.prefix}.pairs"):
            pair = CODEC.decode(value, Pair)
            yield WrittenPair(
                (pair.prediction.event_id, pair.outcome.event_id),
                pair.prediction.revision,
                pair.outcome.revision,
                (pair.row_version, offset),
                pair.status,
                pair.status != RETRACTED,
            )


def _settings(place: Place) -> Settings:
    stack = read_running_stack(Path(place.stack_folder))
    if stack is None:
        raise OursError("the benchmark's own stack does not run")
    kafka = KafkaSettings(topic_prefix=place.prefix, partitions=place.partitions)
    return with_stack(Settings(state_dir=Path(place.folder), kafka=kafka), stack)


def _pairs_at_rest(settings: Settings) -> Iterator[WrittenPair]:
    """Yield the rows of the view of pairs; one whose values are not the newest does not stand."""
    with asking(settings.clickhouse) as client:
        rows = client.query(PAIRS_AT_REST).result_rows
    for prediction_id, outcome_id, predicted_in, measured_in, status, newest in rows:
        key = (prediction_id, outcome_id)
        yield WrittenPair(key, predicted_in, measured_in, (0, 0), status, bool(newest))


class _Stages:
    """Stage processes that may not end: one that starts again would be measured twice."""

    def __init__(
        self, stages: Sequence[str], workers: int, settings: Settings, log_dir: Path
    ) -> None:
        self._ended: list[str] = []
        self._supervisor = Supervisor(
            stages, workers, as_environment(settings), log_dir, self._ended.append
        )
        self._supervisor.start()

    def process_ids(self) -> list[int]:
        """Return the launcher of every stage."""
        return list(self._supervisor.process_ids.values())

    def check(self) -> None:
        """Raise OursError when a stage ended."""
        self._supervisor.check()
        if self._ended:
            raise OursError(self._ended[0])

    def stop(self) -> None:
        """End every stage."""
        self._supervisor.stop()


JOIN = Recalibra(("join",))
# That the join is through says nothing of the sink.
PIPELINE = Recalibra(tuple(stage_names()), commits_what_is_done=False)
