"""Runs the subjects side by side within a time, each with what they share."""

import logging
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import NamedTuple, Protocol

from confluent_kafka.admin import AdminClient, ClusterMetadata

from schemas.errors import RecalibraError
from streams import doctor
from streams.doctor._finding import Finding, wrong
from streams.kafka_access import reached
from streams.settings import Settings

log = logging.getLogger(__name__)

# With the start of the program less than 15 s.
TIMEOUT_S = 13.0


class Checkup:
    """What subjects share: the settings, and a cluster that is asked for once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._asking = threading.Lock()
        self._cluster: tuple[AdminClient, ClusterMetadata] | None = None
        self._error: RecalibraError | None = None

    def cluster(self) -> tuple[AdminClient, ClusterMetadata]:
        """Return what `reached` does; raises the same for each who asks."""
        with self._asking:
            if self._error is not None:
                raise self._error
            if self._cluster is None:
                try:
                    self._cluster = reached(self.settings.kafka)
                except RecalibraError as error:
                    self._error = error
                    raise
            return self._cluster


class Subject(Protocol):
    """A module of this folder."""

    PLACE: int

    def look(self, checkup: Checkup) -> Iterator[Finding]:
        """Yield findings."""


class Said(NamedTuple):
    """A finding with the name of its subject."""

    subject: str
    finding: Finding


def subjects() -> dict[str, Subject]:
    """Return every subject by name, in the order of the report."""
    names = [m.name for m in iter_modules(doctor.__path__) if not m.name.startswith("_")]
    found: dict[str, Subject] = {n: import_module(f"{doctor.__name__}.{n}") for n in names}
    return dict(sorted(found.items(), key=lambda item: item[1].PLACE))


def examined(checkup: Checkup, timeout_s: float = TIMEOUT_S) -> list[Said]:
    """Return what every subject says, at the latest after `timeout_s`."""
    said: dict[str, list[Finding]] = {}
    threads: dict[str, threading.Thread] = {}
    for name, subject in subjects().items():
        said[name] = []
        # A subject that hangs in a library must not hold up the end of the program.
        threads[name] = threading.Thread(
            target=_look, args=(subject, checkup, said[name]), name=name, daemon=True
        )
        threads[name].start()
    deadline = time.monotonic() + timeout_s
    for name, thread in threads.items():
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            said[name].append(
                wrong("did not end in time", "look at the other findings, and ask again")
            )
    return _once([Said(name, finding) for name in said for finding in list(said[name])])


def _look(subject: Subject, checkup: Checkup, findings: list[Finding]) -> None:
    try:
        findings.extend(subject.look(checkup))
    except RecalibraError as error:
        log.debug("the detail", exc_info=error)
        findings.append(wrong(str(error)))
    except Exception as error:  # one subject's fault must not hide the others
        log.warning("a check failed", exc_info=error)
        findings.append(
            wrong(f"could not be looked at ({type(error).__name__})", "see `recalibra --verbose`")
        )


def _once(said: list[Said]) -> list[Said]:
    """Say an error that several subjects met once, by the first of them."""
    first: dict[str, str] = {}
    found = []
    for subject, finding in said:
        known = first.setdefault(finding.text, subject) if finding.level == "error" else subject
        if known != subject:
            finding = Finding("unknown", f"could not be looked at; see {known}")
        found.append(Said(subject, finding))
    return found
