"""What a stage takes in: decoded, of the right kind, and holding only what it may."""

from collections.abc import Sequence
from typing import TypeVar

from schemas.codec import Codec
from schemas.command_validation import check_command
from schemas.errors import DataError, InvalidValueError
from schemas.events import AlertCommand, Event, Outcome, Prediction
from schemas.validation import EVENT_BYTES_MAX, check_event, check_values

E = TypeVar("E", bound=Event)


def accepted(codec: Codec, payload: bytes | None, expected: type[E]) -> E:
    """Return the event in a message value; raises DataError with what is wrong with it.

    The limit on size is for what comes from outside; what we make of it, such as a pair or a dead
    letter, is larger than its parts.
    """
    event = codec.decode(payload, expected)
    if isinstance(event, (Prediction, Outcome)):
        if len(payload or b"") > EVENT_BYTES_MAX:
            raise InvalidValueError(f"the record is larger than {EVENT_BYTES_MAX} bytes")
        check_event(event)
    elif isinstance(event, AlertCommand):
        check_command(event)
    return event


def all_accepted(
    codec: Codec, payloads: Sequence[bytes | None], expected: type[E]
) -> list[E | DataError]:
    """Return for each of many message values what `accepted` returns or raises."""
    found: list[E | DataError] = []
    events = codec.decode_plain(payloads, expected)
    for event, payload in zip(events, payloads, strict=True):
        try:
            if event is None:
                event = accepted(codec, payload, expected)
            elif isinstance(event, (Prediction, Outcome)):
                check_values(event)  # plain texts are such as may be
            elif isinstance(event, AlertCommand):
                check_command(event)
            found.append(event)
        except DataError as error:
            found.append(error)
    return found
