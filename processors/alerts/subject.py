"""What an alert is about, and what may be asked of the monitor about it."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import msgspec

from processors.assay.mean_shift import ControlResults
from processors.keys import alert_key
from processors.series import Scored, SeriesName
from processors.store import Store
from schemas.events import Alert
from schemas.topics import SEPARATOR, monitor_key


class Subject(NamedTuple):
    """A model version in an assay.

    >>> Subject.of_key(b"a" + b"net\\x1flogP" + b"\\0" + b"1")
    Subject(model_id='net', model_version='1', assay_id='logP')
    """

    model_id: str
    model_version: str
    assay_id: str

    @property
    def lane_key(self) -> bytes:
        """The message key of all that is about the model in the assay."""
        return monitor_key(self.model_id, self.assay_id)

    @property
    def key(self) -> bytes:
        """The key of the subject's alert in the store."""
        return alert_key(self.lane_key, self.model_version)

    @classmethod
    def of_key(cls, key: bytes) -> "Subject":
        """Return the subject of a key of an alert, or of any that is made alike."""
        lane_key, _, version = key[1:].decode().partition("\0")
        model_id, assay_id = lane_key.split(SEPARATOR)
        return cls(model_id, version, assay_id)


class Asked(Protocol):
    """What the monitor answers about a subject."""

    def rows(self, about: Subject) -> list[Scored]:
        """Return its newest scored pairs in the order of their times."""

    def beside(self, about: Subject) -> list[Scored]:
        """Return the newest scored pairs of other versions of its model in its assay."""

    def controls(self, about: Subject, start: int | None) -> list[ControlResults]:
        """Return its assay's control compounds with their results since `start`."""

    def learned(self, about: Subject, series: SeriesName) -> bool:
        """Return whether a series of it has its reference."""


class Here(msgspec.Struct):
    """The place in the lane's log: `sequence` becomes the row_version of what follows."""

    sequence: int
    asked: Asked
    store: Store


def last_words(said: Iterable[Alert]) -> list[Alert]:
    """Return of rows that follow from one event the last one of each alert.

    They share their row_version, so that two of one alert could not be told apart.

    >>> row = Alert("x", 1, "open", "net", "1", "a", *[None] * 2, "d", *[None] * 4, 0, "")
    >>> [last.state for last in last_words([row, row._replace(state="muted")])]
    ['muted']
    """
    said = list(said)
    if len(said) < 2:
        return said
    return list({alert.alert_id: alert for alert in said}.values())
