"""What must hold when a world has come to rest, computed from its input logs alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from simulated_input import CODEC, PREFIX, RUBBISH
from simulated_log import CLOCK_US, DELETE_RETENTION, Fetched
from simulated_sink import refused
from simulated_stage import TICK_INTERVAL, SimulatedStage
from simulated_world import SimulatedWorld, Violation
from tally import COUNT_KEY, EVERY, QUIET, SEQUENCE_KEY

from processors.join import Join
from processors.pairing import RETRACTED
from processors.store import MemoryStore
from schemas.events import (
    Coverage,
    DeadLetter,
    Event,
    Metric,
    Outcome,
    Pair,
    Prediction,
    Tick,
)
from schemas.partitioner import partition_of
from schemas.topics import TOPICS, key_of, topic_name
from streams.lane_log import KafkaLaneLog, LaneAddress
from streams.lane_store import LaneStore, is_meta

Place = tuple[str, int, int]


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Violation(what)


def _records(world: SimulatedWorld, short: str) -> Iterator[tuple[int, Fetched]]:
    for partition in range(world.partitions):
        for record in world.log.committed_records((topic_name(PREFIX, short), partition)):
            yield partition, record


def _events(world: SimulatedWorld, short: str) -> Iterator[Event]:
    """Every committed event of a topic; rubbish is left out."""
    for _, record in _records(world, short):
        if record.value != RUBBISH:
            yield CODEC.decode(record.value, TOPICS[short])


def _in_place(world: SimulatedWorld, short: str) -> Iterator[tuple[int, Event]]:
    """Every input event that stands in the partition of its key, with that partition."""
    for partition, record in _records(world, short):
        if record.value == RUBBISH:
            continue
        event = CODEC.decode(record.value, TOPICS[short])
        if partition_of(key_of(event), world.partitions) == partition:
            yield partition, event


def _check_inputs(world: SimulatedWorld) -> None:
    """Every event sent stands in its own partition once, however it was sent."""
    found: Counter[str] = Counter()
    sent: set[str] = set()
    for short in ("predictions", "outcomes"):
        for event in _events(world, short):
            assert isinstance(event, (Prediction, Outcome))
            sent.add(event.event_id)
        for _, event in _in_place(world, short):
            assert isinstance(event, (Prediction, Outcome))
            found[event.event_id] += 1
    _require(found == Counter(sent), f"inputs in their partitions: {found}")


def _check_dead_letters(world: SimulatedWorld) -> None:
    """Each rubbish record, and each row that the sink refused, was said once."""
    expected: Counter[Place] = Counter(
        (topic_name(PREFIX, short), partition, record.offset)
        for short in ("predictions", "outcomes", "ticks")
        for partition, record in _records(world, short)
        if record.value == RUBBISH
    )
    found: Counter[Place] = Counter()
    said: Counter[bytes] = Counter()
    for letter in _events(world, "dead-letters"):
        assert isinstance(letter, DeadLetter)
        if letter.origin.startswith("sink of"):
            said[letter.payload] += 1
        else:
            found[letter.origin, letter.partition or 0, letter.position] += 1
    _require(found == expected, f"dead letters {found}, not {expected}")
    if "sink" in world.groups:
        rows = [*_events(world, "metrics"), *_events(world, "dead-letters")]
        due = Counter(CODEC.encode(event) for event in rows if refused(event))
        _require(said == due, f"the sink refused {len(due)} rows and {len(said)} letters say so")
        resting = {event for event in rows if not refused(event)}
        _require(world.rows == resting, f"rows that differ: {world.rows ^ resting}")


def _check_tally(world: SimulatedWorld) -> dict[int, dict[bytes, bytes]]:
    """Outputs are those of one pass; return the state that follows, by partition."""
    expected: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    states: dict[int, dict[bytes, bytes]] = {n: {} for n in range(world.partitions)}
    for short in ("predictions", "outcomes"):
        counts: Counter[str] = Counter()
        for partition, event in _in_place(world, short):
            assert isinstance(event, (Prediction, Outcome))
            kind, molecule = type(event).__name__, event.molecule_id
            counts[molecule] = 0 if event.retracted else counts[molecule] + 1
            expected[kind, molecule].append((event.event_id, counts[molecule]))
            state_key = COUNT_KEY + f"{kind}\x1f{molecule}".encode()
            states[partition][state_key] = str(counts[molecule]).encode()
    found: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    last: dict[tuple[str, str], int] = {}
    for metric in _events(world, "metrics"):
        assert isinstance(metric, Metric)
        name = (metric.model_id, metric.assay_id)
        if metric.window == EVERY:
            found[name].append((metric.model_version, metric.n))
        elif metric.window == QUIET:
            last[name] = metric.n
    for name in expected.keys() | found.keys():
        _require(
            found[name] == expected[name],
            f"outputs of {name}:\n  found    {found[name]}\n  expected {expected[name]}",
        )
    finals = {name: said[-1][1] for name, said in expected.items() if said}
    _require(last == finals, f"last said when quiet: {last}, not {finals}")
    return {n: {k: v for k, v in state.items() if v != b"0"} for n, state in states.items()}


def _check_ticks(world: SimulatedWorld) -> None:
    """Each lane that ticks was told the time when it was opened and then by the interval."""
    now_us, interval_us = world.log.now_us(), TICK_INTERVAL * CLOCK_US
    stage = world.specs[0].name
    told: dict[int, list[int]] = {n: [] for n in range(world.partitions)}
    for partition, record in _records(world, "ticks"):
        if record.value != RUBBISH:
            tick = CODEC.decode(record.value, Tick)
            _require(tick.lane == partition, f"{tick} in partition {partition}")
            told[partition].append(tick.at)
    for member in world.groups[stage].members:
        for partition, task in member.tasks.items():
            at = told[partition]
            # Every opening tells the time once more than the interval asks for.
            most = world.opened[stage, partition] + world.log.clock // TICK_INTERVAL
            _require(0 < len(at) <= most, f"{len(at)} ticks of {partition}, at most {most}")
            _require(at == sorted(at), f"ticks of {partition} go back: {at}")
            _require(now_us - at[-1] < interval_us, f"the last tick of {partition} is too old")
            _require(task.lane._ticked_at_us == at[-1], f"a tick of {partition} is lost")


def _check_join(world: SimulatedWorld) -> None:
    """The pairs that stand are what one pass over all inputs gives, and so is the coverage."""
    expected: dict[str, Pair] = {}
    coverage: dict[int, tuple[int, int]] = {}
    stores = [MemoryStore() for _ in range(world.partitions)]
    join, sequence = Join(CODEC), 0
    inputs: dict[int, list[Event]] = defaultdict(list)
    for short in ("predictions", "outcomes"):
        for partition, event in _in_place(world, short):
            inputs[partition].append(event)
            sequence += 1
            for pair in join.process(event, sequence, stores[partition]):
                assert isinstance(pair, Pair)
                expected[pair.pair_id] = pair
    for partition, events in inputs.items():
        made = [e for e in events if isinstance(e, Prediction) and not e.retracted]
        met = {e.molecule_id for e in events if isinstance(e, Outcome) and not e.retracted}
        coverage[partition] = (len(made), sum(p.molecule_id in met for p in made))
    found: dict[str, Pair] = {}
    rivals: dict[str, Pair] = {}
    for pair in _events(world, "pairs"):
        assert isinstance(pair, Pair)
        known = found.get(pair.pair_id)
        if known is None or known.row_version < pair.row_version:
            found[pair.pair_id] = pair
            rivals.pop(pair.pair_id, None)
        elif known.row_version == pair.row_version and known != pair:
            rivals[pair.pair_id] = pair
    _require(not rivals, f"the newest version has two contents: {rivals}")
    _require(_standing(found) == _standing(expected), f"pairs: {found} not {expected}")
    counted: dict[int, Coverage] = {}
    for row in _events(world, "coverage"):
        assert isinstance(row, Coverage)
        last = counted.get(row.lane)
        _require(last is None or last.row_version < row.row_version, f"{row} follows {last}")
        counted[row.lane] = row
    _require(all(row.expired == 0 for row in counted.values()), f"expired: {counted}")
    counts = {lane: (row.predictions, row.labelled) for lane, row in counted.items()}
    due = {lane: counts_due for lane, counts_due in coverage.items() if counts_due[0]}
    _require(counts == due, f"coverage: {counts}, not {due}")


def _standing(pairs: dict[str, Pair]) -> dict[str, Pair]:
    return {i: p._replace(row_version=0) for i, p in pairs.items() if p.status != RETRACTED}


def _state(world: SimulatedWorld, store: LaneStore) -> dict[bytes, bytes]:
    items = world.disks.items(str(store.path))
    return {k: v for k, v in items.items() if not is_meta(k) and k != SEQUENCE_KEY}


def _restored(world: SimulatedWorld, auditor: SimulatedStage, address: LaneAddress) -> LaneStore:
    folder = auditor.folder / address.group / str(address.partition)
    store = LaneStore(folder, world.log.now_us())
    KafkaLaneLog(address, {"process": auditor}).restore(store, lambda: False)
    return store


def _check_states(world: SimulatedWorld, expected: dict[int, dict[bytes, bytes]] | None) -> None:
    """Each lane's store is the expected one, and so is one restored afresh, however compacted."""
    for cleaned in (False, True):
        for spec in world.specs:
            folder: Path = world.folder / f"audit {cleaned}"
            auditor = SimulatedStage(world, "auditor", spec, folder)
            for member in world.groups[spec.name].members:
                for partition, task in member.tasks.items():
                    address = task.lane.address
                    if cleaned:
                        _clean(world, address)
                    store = _audit(world, auditor, address)
                    live = task.lane._store
                    assert isinstance(live, LaneStore)
                    found, held = _state(world, store), _state(world, live)
                    what = f"{spec.name} {partition}: restored {found}, held {held}"
                    _require(found == held and store.offsets == live.offsets, what)
                    if expected is not None and spec.name == "tally":
                        _require(found == expected[partition], f"{what}, not {expected[partition]}")


def _clean(world: SimulatedWorld, address: LaneAddress) -> None:
    name = (address.changelog, address.partition)
    for _ in range(2):
        world.log.compact(name, world.log.end(name))
        world.log.clock += DELETE_RETENTION + 1


def _audit(world: SimulatedWorld, auditor: SimulatedStage, address: LaneAddress) -> LaneStore:
    restored: list[LaneStore] = []
    world.run(auditor, lambda: restored.append(_restored(world, auditor, address)))
    return restored[0]


def check(world: SimulatedWorld) -> None:
    """Raise Violation unless everything happened exactly once and in order."""
    _check_inputs(world)
    _check_dead_letters(world)
    _check_ticks(world)
    if "join" in world.groups:
        _check_join(world)
        _check_states(world, None)
    else:
        _check_states(world, _check_tally(world))
