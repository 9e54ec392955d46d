"""The input of the benchmarks: seeded predictions and outcomes in the order of their arrival.

Both shapes have partial contexts and 1 % duplicates.

- full: several models, replicates, a fifth of the molecules with a second, more specific prediction
  of a model; 2 % revisions; 5 % of the outcomes come before their predictions; 1 % of the
  predictions are made after the measurement.
- single: one prediction and one later outcome per molecule and assay, nothing revised. For engines
  that keep one value per key.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from random import Random

from schemas.events import AssayContext, Outcome, Prediction

SHAPES = ("full", "single")
MODELS = ("gnn", "forest", "docking", "baseline")
ASSAYS = tuple(f"assay-{i}" for i in range(8))
DAY_US = 86_400_000_000
REVISED = 0.02
DUPLICATED = 0.01
OUTCOME_FIRST = 0.05
RETROSPECTIVE = 0.01
SECOND_PREDICTION = 0.2
SECOND_OUTCOME = 0.3
# How many molecules are under way at a time: what comes later does so by up to this many.
UNDER_WAY = 3_000

Event = Prediction | Outcome
Arrival = tuple[float, Event]


def events(shape: str, count: int, seed: int, start_us: int) -> list[Event]:
    """Return `count` events in the order they arrive; `start_us` is the first prediction's time.

    Equal arguments give equal events. Raises ValueError for a shape that is none of SHAPES.
    """
    if shape not in SHAPES:
        raise ValueError(f"there is no shape {shape!r}; there are {', '.join(SHAPES)}")
    random = Random(f"{shape} {seed}")
    waiting: list[tuple[float, int, Event]] = []
    ordered: list[Event] = []
    numbered = 0
    # A molecule's own events arrive at its number or later: what is before it can be told.
    for molecule in range(count):
        for at, event in _again(_of_molecule(shape, molecule, random, start_us), shape, random):
            heappush(waiting, (at, numbered, event))
            numbered += 1
        while waiting and waiting[0][0] < molecule + 1:
            ordered.append(heappop(waiting)[2])
            if len(ordered) == count:
                return ordered
    while len(ordered) < count:
        ordered.append(heappop(waiting)[2])
    return ordered


def _of_molecule(shape: str, molecule: int, random: Random, start_us: int) -> list[Arrival]:
    name, assay = f"MOL{molecule:07}", random.choice(ASSAYS)
    full = shape == "full"
    measured = [_context(random) for _ in range(1 + (full and random.random() < SECOND_OUTCOME))]
    stated = [_part_of(random.choice(measured), random) for _ in range(2 if full else 1)]
    versions = random.sample(MODELS, len(stated)) if full else [MODELS[0]]
    if full and random.random() < SECOND_PREDICTION:
        stated.append(measured[0])
        versions.append(versions[0])
    at = molecule + random.random() * UNDER_WAY
    found: list[Arrival] = []
    predicted_us = start_us + molecule * 1_000
    for number, (context, model) in enumerate(zip(stated, versions, strict=True)):
        late_us = 3 * DAY_US if full and random.random() < RETROSPECTIVE else 0
        found.append(
            (
                at + number * 0.1,
                Prediction(
                    f"P{molecule:07}-{number}", 0, False, name, assay, context, model, "1",
                    random.gauss(6.0, 1.0), uncertainty=0.4, unit="pIC50",
                    predicted_at=predicted_us + number + late_us,
                ),
            )
        )  # fmt: skip
    for number, context in enumerate(measured):
        first = full and random.random() < OUTCOME_FIRST
        after = random.random() * UNDER_WAY
        came = molecule + random.random() * (at - molecule) if first else at + 1 + after
        found.append(
            (
                came,
                Outcome(
                    f"O{molecule:07}-{number}", 0, False, name, assay, context,
                    random.gauss(6.0, 1.0), unit="pIC50",
                    measured_at=predicted_us + DAY_US + number,
                ),
            )
        )  # fmt: skip
    return found


def _again(arrivals: list[Arrival], shape: str, random: Random) -> Iterator[Arrival]:
    """Yield the arrivals, and later those that are sent twice or revised."""
    for at, event in arrivals:
        yield at, event
        chance = random.random()
        later = at + 1 + random.random() * UNDER_WAY
        if chance < DUPLICATED:
            yield later, event
        elif shape == "full" and chance < DUPLICATED + REVISED:
            yield later, event._replace(revision=1, value=random.gauss(6.0, 1.0))


def _context(random: Random) -> AssayContext:
    return AssayContext(
        f"LOT-{random.randrange(40)}",
        f"reader-{random.randrange(6)}",
        f"operator-{random.randrange(10)}",
        f"v{random.randrange(3)}",
    )


def _part_of(context: AssayContext, random: Random) -> AssayContext:
    """Return a context that states some of what another does; one in ten states what it does not.

    >>> _part_of(AssayContext("L", "I", "O", "v"), Random(3)).operator is None
    True
    """
    if random.random() < 0.1:
        context = _context(random)
    fields = random.choices((0, 1, 2, 4), (40, 30, 20, 10))[0]
    kept = {0: (), 1: (1,), 2: (0, 1), 4: (0, 1, 2, 3)}[fields]
    return AssayContext(*(v if i in kept else None for i, v in enumerate(context)))
