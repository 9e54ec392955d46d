"""What has to be said besides an event that another key may hold already.

A lane of the join sees one key only. A revision that changes an event's molecule or assay has to
reach both keys: as a retraction under the old one and as the event itself under the new one.
"""

from typing import NamedTuple

from schemas.errors import InvalidValueError
from schemas.events import AssayContext, Outcome, Prediction
from schemas.topics import SEPARATOR

_BETWEEN_PLACES = "\x1e"


class Place(NamedTuple):
    """A key under which some form of an event may stand, and the newest revision sent there."""

    key: str
    revision: int


class Move(NamedTuple):
    """What sending a form means.

    `retractions` go ahead of it. `noted` are the places to be remembered before anything is sent,
    `settled` those that are left once all of it is acknowledged.
    """

    retractions: tuple[Place, ...]
    noted: str
    settled: str


def text_of(place: Place) -> str:
    """Return a place as it is remembered."""
    return f"{place.revision}{SEPARATOR}{place.key}"


def _places_of(text: str) -> list[Place]:
    parts = (part.split(SEPARATOR, 1) for part in text.split(_BETWEEN_PLACES))
    return [Place(key, int(revision)) for revision, key in parts]


def move(event: Prediction | Outcome, key: str, known: str) -> Move:
    """Return what sending `event` under `key` means when the `known` places may hold it.

    A revision below the newest has lost: it is sent as it is, and a retraction of the newest
    revision keeps it from standing under another key than the newest. Raises InvalidValueError for
    two keys in one revision: each would stand alone in its lane, so nobody could decide.
    """
    places, here = _places_of(known), Place(key, event.revision)
    newest = max(places, key=lambda place: place.revision)
    if event.revision < newest.revision:
        lost = () if key == newest.key else (Place(key, newest.revision),)
        return Move(lost, known, known)
    others = [place for place in places if place.key != key]
    if any(place.revision == event.revision for place in others):
        raise InvalidValueError(
            f"revision {event.revision} of {event.event_id} has been sent as "
            f"{' in '.join(newest.key.split(SEPARATOR))} and is now "
            f"{' in '.join(key.split(SEPARATOR))}: raise the revision of the one that counts",
            "revision",
        )
    retractions = tuple(Place(place.key, event.revision) for place in others)
    return Move(retractions, _BETWEEN_PLACES.join(map(text_of, (*others, here))), text_of(here))


def retraction(event: Prediction | Outcome, place: Place) -> Prediction | Outcome:
    """Return what takes an event back under a place's key, as of the place's revision.

    It says no more than it must, so that whoever says it again says the same: two contents of one
    revision would be a conflict.
    """
    molecule_id, assay_id = place.key.split(SEPARATOR)
    common = (event.event_id, place.revision, True, molecule_id, assay_id, AssayContext())
    if isinstance(event, Prediction):
        return Prediction(*common, event.model_id, event.model_version)
    return Outcome(*common)
