"""The events of one join key while they are at hand."""

from typing import NamedTuple

from processors.options import Options
from processors.pairing import answers
from schemas.events import Outcome, Prediction

# Standing of a prediction in the coverage of its model; outcomes are always OPEN.
OPEN, LABELLED, EXPIRED = 0, 1, 2
# Up to so many meetings of predictions and outcomes, which predictions are labelled is worked out
# when a group is read. In larger groups their records say so: less needs a new STATE_VERSION.
MEETINGS_MAX = 2_500


class Kept(NamedTuple):
    """A prediction as the join keeps it, with its standing in the coverage of its model."""

    prediction: Prediction
    standing: int

    @property
    def is_open(self) -> bool:
        """Whether it still waits for an answer: not retracted, labelled or expired."""
        return self.standing == OPEN and not self.prediction.retracted


class Group:
    """All events under one join key, by their ids; `size` is what their records came to, in bytes.

    `unsaid` are the predictions that are labelled and whose records do not say so.

    >>> from schemas.events import AssayContext
    >>> group = Group()
    >>> p = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.5)
    >>> group.add(p, OPEN, 60)
    >>> group.add(Outcome("o", 0, False, "m", "a", AssayContext(), 1.2), OPEN, 50)
    >>> group.label(Options()); group.predictions["p"].standing == LABELLED, group.unsaid
    (True, {'p'})
    """

    __slots__ = ("outcomes", "predictions", "size", "unsaid")

    def __init__(self) -> None:
        self.predictions: dict[str, Kept] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.unsaid: set[str] = set()
        self.size = 0

    @property
    def is_explicit(self) -> bool:
        """Whether the records of labelled predictions have to say so."""
        return len(self.predictions) * len(self.outcomes) > MEETINGS_MAX

    def __len__(self) -> int:
        return len(self.predictions) + len(self.outcomes)

    def add(self, event: Prediction | Outcome, standing: int, size: int) -> None:
        """Take in an event, a prediction in a standing; its record has `size` bytes."""
        self.size += size
        if isinstance(event, Prediction):
            self.predictions[event.event_id] = Kept(event, standing)
        else:
            self.outcomes[event.event_id] = event

    def label(self, options: Options) -> None:
        """Find the labelled predictions among events as they were read."""
        if not self.outcomes or self.is_explicit:
            return
        outcomes = self.outcomes.values()
        for event_id, (prediction, standing) in self.predictions.items():
            if standing == LABELLED:
                continue
            retention_us = options.retention_us(prediction.assay_id)
            if any(answers(outcome, prediction, retention_us) for outcome in outcomes):
                self.predictions[event_id] = Kept(prediction, LABELLED)
                self.unsaid.add(event_id)
