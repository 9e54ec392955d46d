"""What the join says of one outcome: the pairs that stand, and those that no longer do."""

from processors.pairing import LATE, RETRACTED, Standing, late_pair_of, pair_id_of, pair_of
from schemas.codec import Codec
from schemas.errors import InvalidValueError
from schemas.events import DeadLetter, Event, Outcome, Prediction
from schemas.topics import join_key

Standings = dict[str, Standing]


class Restatement:
    """Turns standings of predictions into pairs, late pairs and dead letters.

    >>> from schemas.events import AssayContext
    >>> from schemas.table import SchemaTable
    >>> p = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.5)
    >>> o = Outcome("o", 0, False, "m", "a", AssayContext(), 1.0)
    >>> restatement = Restatement(Codec(SchemaTable()))
    >>> [said.status for said in restatement.differences({}, {"p": (p, "paired")}, o, o, 1)]
    ['paired']
    >>> [said.status for said in restatement.differences({"p": (p, "paired")}, {}, o, o, 2)]
    ['retracted']
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def differences(
        self,
        before: Standings,
        after: Standings,
        outcome: Outcome,
        cause: Prediction | Outcome,
        sequence: int,
    ) -> list[Event]:
        """Return what differs between two standings of the predictions of one outcome.

        Both are by prediction id. `cause` is the event that changed them; `sequence` becomes the
        row_version. A pair whose units cannot be converted is retracted, with a dead letter.

        >>> from schemas.table import SchemaTable
        >>> o = Outcome("o", 0, False, "m", "a", (), 1.0)
        >>> Restatement(Codec(SchemaTable())).differences({}, {}, o, o, 1)
        []
        """
        said: list[Event] = []
        for event_id, standing in before.items():
            if not _same_row(standing, after.get(event_id)):
                said.append(_retraction(standing, outcome, sequence))
        for event_id, standing in after.items():
            if before.get(event_id) != standing:
                said += self.statement(standing, outcome, cause, sequence)
        return said

    def statement(
        self,
        standing: Standing,
        outcome: Outcome,
        cause: Prediction | Outcome,
        sequence: int,
    ) -> list[Event]:
        """Return the pair or late pair of a standing, or why there is none; see `differences`.

        >>> from schemas.events import AssayContext
        >>> from schemas.table import SchemaTable
        >>> p = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.5)
        >>> o = Outcome("o", 0, False, "m", "a", AssayContext(), 1.0)
        >>> (late,) = Restatement(Codec(SchemaTable())).statement((p, "late"), o, o, 1)
        >>> late.retracted
        False
        """
        prediction, status = standing
        if status == LATE:
            return [late_pair_of(prediction, outcome, False, sequence)]
        try:
            return [pair_of(prediction, outcome, status, sequence)]
        except InvalidValueError as error:
            dead_letter = DeadLetter(
                dead_letter_id=pair_id_of(prediction, outcome),
                origin="join",
                partition=None,
                position=sequence,
                column=error.column,
                schema_id=None,
                error=type(error).__name__,
                reason=f"prediction {prediction.event_id} and outcome {outcome.event_id} of "
                f"{outcome.molecule_id} in {outcome.assay_id}: {error}",
                key=join_key(outcome.molecule_id, outcome.assay_id),
                payload=self._codec.encode(cause),
            )
            # An earlier revision may have paired: that pair must not stand.
            return [dead_letter, pair_of(prediction, outcome, RETRACTED, sequence)]

    def withdrawals(
        self, prediction: Prediction, after: Standings, outcome: Outcome, sequence: int
    ) -> list[Event]:
        """Return the retractions of whatever may have been said of a former prediction.

        `after` is what stands now; see `differences`. What was never said may be retracted, too.

        >>> from schemas.events import AssayContext
        >>> from schemas.table import SchemaTable
        >>> p = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.5)
        >>> o = Outcome("o", 0, False, "m", "a", AssayContext(), 1.0)
        >>> restatement = Restatement(Codec(SchemaTable()))
        >>> [type(r).__name__ for r in restatement.withdrawals(p, {}, o, 1)]
        ['LatePair', 'Pair']
        """
        now = after.get(prediction.event_id)
        return [
            _retraction((prediction, status), outcome, sequence)
            for status in (LATE, RETRACTED)
            if not _same_row((prediction, status), now)
        ]


def _same_row(one: Standing, other: Standing | None) -> bool:
    """Return whether the second standing replaces the row of the first where it rests."""
    if other is None or one[0].model_id != other[0].model_id:
        return False
    return (one[1] == LATE) == (other[1] == LATE)


def _retraction(standing: Standing, outcome: Outcome, sequence: int) -> Event:
    prediction, status = standing
    if status == LATE:
        return late_pair_of(prediction, outcome, True, sequence)
    return pair_of(prediction, outcome, RETRACTED, sequence)
