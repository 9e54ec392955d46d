"""What happens in a lab to one molecule in one assay: predictions, outcomes and their changes.

Times lie whole days away from every limit that the clock of the run moves.
"""

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from schemas.events import AssayContext, Outcome, Prediction

DAY_US = 86_400_000_000
HOUR_US = DAY_US // 24
ASSAYS = ("logP", "kinase", "hERG IC50")
RETENTION_DAYS = 400
RETENTION_DAYS_BY_ASSAY = {"kinase": 120, "hERG IC50": 30}
MODELS = (("net", "1"), ("net", "2"), ("tree", "1"))
LABELS = ("hit", "miss")
OUTLIER = 1e9
# A tick may come a day after the input was dated.
CLOCK_MARGIN_US = 3 * DAY_US

Measurement = Prediction | Outcome


def retention_us(assay_id: str) -> int:
    """Return the retention of an assay in microseconds."""
    return RETENTION_DAYS_BY_ASSAY.get(assay_id.strip(), RETENTION_DAYS) * DAY_US


class Place(NamedTuple):
    """Where events meet."""

    molecule: str
    assay: str


@dataclass
class Lab:
    """Makes the events of one run, dated relative to `today_us`, the start of a day in UTC."""

    rng: Random
    today_us: int
    events: list[Measurement] = field(default_factory=list)
    # Events that follow all others of their key, such as a prediction behind a hot key's outcomes.
    last: list[Measurement] = field(default_factory=list)
    made: int = 0

    def chance(self, part: float) -> bool:
        """Return true in `part` of all calls."""
        return self.rng.random() < part

    def name(self, kind: str) -> str:
        """Return an event id that no other event has."""
        self.made += 1
        return f"{kind}-{self.made}"

    def context(self) -> AssayContext:
        """Return the full or nearly full conditions of a measurement."""
        rng = self.rng
        return AssayContext(
            rng.choice(("L1", "L2", "L3", None)),
            rng.choice(("I1", "I2")),
            rng.choice(("ann", "bob", None)),
        )

    def stated(self, measured: AssayContext) -> AssayContext:
        """Return what a prediction states of it: nothing, a part, or something else."""
        way = self.rng.random()
        if way < 0.6:
            return AssayContext()
        if way < 0.9:
            return AssayContext(reagent_batch=measured.reagent_batch)
        return AssayContext(instrument="I1", operator="ann")

    def clear_of_the_clock(self, predicted_at: int, assay: str) -> int:
        """Return a time near this one whose deadline no tick of this run can lie at."""
        deadline = predicted_at + retention_us(assay)
        near = abs(deadline - self.today_us) < CLOCK_MARGIN_US
        return predicted_at - 2 * CLOCK_MARGIN_US if near else predicted_at

    def prediction(
        self, place: Place, model: tuple[str, str], predicted_at: int | None, stated: AssayContext
    ) -> Prediction:
        """Return a new prediction."""
        rng = self.rng
        in_time = predicted_at
        if in_time is not None:
            in_time = self.clear_of_the_clock(in_time, place.assay)
        labelled = self.chance(0.4)
        return Prediction(
            self.name("p"), 0, False, place.molecule, place.assay, stated, *model,
            value=rng.gauss(5, 1.5),
            label=rng.choice(LABELS) if labelled else None,
            probability=rng.random() if labelled and self.chance(0.8) else None,
            uncertainty=0.5 if self.chance(0.3) else None,
            unit="uM",
            predicted_at=in_time,
            features={"mass": rng.uniform(100, 500)} if self.chance(0.2) else {},
        )  # fmt: skip

    def outcome(self, place: Place, measured_at: int | None, context: AssayContext) -> Outcome:
        """Return a new outcome."""
        rng = self.rng
        nanomolar = self.chance(0.15)
        value = rng.gauss(5, 1.5)
        return Outcome(
            self.name("o"), 0, False, place.molecule, place.assay, context,
            value=value * 1_000 if nanomolar else value,
            label=rng.choice(LABELS) if self.chance(0.5) else None,
            qualifier=rng.choice(("<", ">", "~", "=")) if self.chance(0.08) else None,
            unit="nM" if nanomolar else rng.choice(("uM", "uM", None)),
            measured_at=measured_at,
        )  # fmt: skip

    def measured_at(self) -> int:
        """Return a time in the last 200 days."""
        return self.today_us - self.rng.randrange(1 * DAY_US, 200 * DAY_US)


def ordinary(lab: Lab, place: Place) -> list[Measurement]:
    """Several models, replicates, partial contexts, times that are not stated."""
    measured_at, context = lab.measured_at(), lab.context()
    ahead_us = min(retention_us(place.assay) - 2 * DAY_US, 95 * DAY_US)
    events: list[Measurement] = []
    for model in MODELS:
        for _ in range(lab.rng.choice((0, 1, 1, 1, 2))):
            made_at = measured_at - lab.rng.randrange(HOUR_US, ahead_us)
            stated_at = None if lab.chance(0.03) else made_at
            events.append(lab.prediction(place, model, stated_at, lab.stated(context)))
    for _ in range(lab.rng.choice((1, 1, 2, 3))):
        replicate_at = measured_at + lab.rng.randrange(HOUR_US)
        stated_at = None if lab.chance(0.03) else replicate_at
        again = context if lab.chance(0.7) else lab.context()
        events.append(lab.outcome(place, stated_at, again))
    return events


def long_after(lab: Lab, place: Place) -> list[Measurement]:
    """An outcome 90 days behind its prediction: in time in most assays, late in one."""
    measured_at = lab.measured_at()
    prediction = lab.prediction(
        place, lab.rng.choice(MODELS), measured_at - 90 * DAY_US - HOUR_US, AssayContext()
    )
    return [prediction, lab.outcome(place, measured_at, lab.context())]


def beyond_retention(lab: Lab, place: Place) -> list[Measurement]:
    """An outcome measured after the retention, sometimes with one in time beside it."""
    predicted_at = lab.today_us - retention_us(place.assay) - lab.rng.randrange(10, 60) * DAY_US
    prediction = lab.prediction(place, lab.rng.choice(MODELS), predicted_at, AssayContext())
    late_at = predicted_at + retention_us(place.assay) + lab.rng.randrange(1, 9) * DAY_US
    events: list[Measurement] = [prediction, lab.outcome(place, late_at, lab.context())]
    if lab.chance(0.3):
        events.append(lab.outcome(place, predicted_at + DAY_US, lab.context()))
    return events


def unanswered(lab: Lab, place: Place) -> list[Measurement]:
    """Predictions that nobody measures, older than the retention or not."""
    rng = lab.rng
    old_us = retention_us(place.assay) + rng.randrange(5, 100) * DAY_US
    age_us = old_us if lab.chance(0.6) else rng.randrange(1, 20) * DAY_US
    made_at = None if lab.chance(0.05) else lab.today_us - age_us
    return [lab.prediction(place, model, made_at, AssayContext()) for model in MODELS]


def retrospective(lab: Lab, place: Place) -> list[Measurement]:
    """A prediction made after the measurement, sometimes with another made before."""
    measured_at = lab.measured_at()
    model = lab.rng.choice(MODELS)
    events: list[Measurement] = [lab.outcome(place, measured_at, lab.context())]
    events.append(lab.prediction(place, model, measured_at + HOUR_US, AssayContext()))
    if lab.chance(0.5):
        events.append(lab.prediction(place, model, measured_at - HOUR_US, AssayContext()))
    return events


def unpredicted(lab: Lab, place: Place) -> list[Measurement]:
    """Outcomes that no model has foretold."""
    return [lab.outcome(place, lab.measured_at(), lab.context())]


def other_dimension(lab: Lab, place: Place) -> list[Measurement]:
    """Units that cannot be converted: a dead letter and no pair."""
    measured_at = lab.measured_at()
    prediction = lab.prediction(place, MODELS[0], measured_at - HOUR_US, AssayContext())
    outcome = lab.outcome(place, measured_at, lab.context())
    return [prediction, outcome._replace(unit="kg", qualifier=None)]


STORIES = (
    (ordinary, 70),
    (long_after, 6),
    (beyond_retention, 7),
    (unanswered, 7),
    (retrospective, 5),
    (unpredicted, 4),
    (other_dimension, 1),
)


def changes(lab: Lab, event: Measurement) -> list[Measurement]:
    """Return what becomes of an event later on: revisions, a retraction, a move, an outlier."""
    way = lab.rng.random()
    value = lab.rng.gauss(5, 1.5)
    if way < 0.08:
        revised = event._replace(revision=1, value=value, unit="uM")
        if lab.chance(0.3):
            # Two say different things under one revision: the higher hash counts.
            return [revised, revised._replace(value=value + 1.0)]
        return [revised]
    if way < 0.12:
        return [event._replace(revision=2, retracted=True)]
    if way < 0.14:
        return [
            event._replace(revision=1, retracted=True),
            event._replace(revision=1, molecule_id=f"{event.molecule_id} moved"),
        ]
    if way < 0.15 and isinstance(event, Outcome):
        outlier = event._replace(revision=1, value=OUTLIER, unit="uM", qualifier=None)
        gone = outlier._replace(revision=2, retracted=True)
        return [outlier, gone if lab.chance(0.5) else event._replace(revision=2)]
    return []
