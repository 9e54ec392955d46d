"""What a stage takes in: decoded, of the right kind, and holding only what it may."""

from typing import TypeVar

from schemas.codec import Codec
from schemas.errors import InvalidValueError
from schemas.events import Event, Outcome, Prediction
from schemas.validation import EVENT_BYTES_MAX, check_outcome, check_prediction

E = TypeVar("E", bound=Event)


def accepted(codec: Codec, payload: bytes | None, expected: type[E]) -> E:
    """Return the event in a message value; raises DataError with what is wrong with it.

    The limit on size is for what comes from outside; what we make of it, such as a pair or a dead
    letter, is larger than its parts.
    """
    event = codec.decode(payload, expected)
    if isinstance(event, (Prediction, Outcome)) and len(payload or b"") > EVENT_BYTES_MAX:
        raise InvalidValueError(f"the record is larger than {EVENT_BYTES_MAX} bytes")
    if isinstance(event, Prediction):
        check_prediction(event)
    elif isinstance(event, Outcome):
        check_outcome(event)
    return event
