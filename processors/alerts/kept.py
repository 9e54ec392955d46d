"""What a lane keeps of the alerts of one subject."""

from typing import NamedTuple

from processors.alerts.holds import Hold
from processors.alerts.progress import NO_PROGRESS, Progress
from processors.alerts.rows import opened
from processors.alerts.status import Status
from processors.alerts.subject import Subject
from processors.keys import progress_key
from processors.record_layout import RecordLayout
from processors.store import Store
from schemas.events import Alert


class Said(NamedTuple):
    """How many alerts there were, the latest one as last said, and what it rests on.

    `found` is the alert without what people have ordered. `holding` is what holds it open: "chart",
    or rules by name. `own_reference`: its segment had one when it was named. `episode` counts the
    changes that are over.
    """

    opened: int
    alert: Alert | None
    found: Alert | None
    holding: dict[str, Hold]
    own_reference: bool
    status: Status
    episode: int = 0


NOTHING_SAID = Said(0, None, None, {}, False, Status())
_SAID, _PROGRESS = RecordLayout(Said), RecordLayout(Progress)


class Kept:
    """What was said of a subject and what follows it; the store changes with `save` only.

    `said` and `progress` may be replaced: the first seldom changes, the second with every result.

    >>> from processors.store import MemoryStore
    >>> about, store = Subject("net", "1", "logP"), MemoryStore()
    >>> kept = Kept(about, store)
    >>> kept.hold("chart", Hold("info", "It moved.")); kept.save(store)
    >>> Kept(about, store).said.holding
    {'chart': Hold(severity='info', sentence='It moved.')}
    """

    def __init__(self, subject: Subject, store: Store) -> None:
        self._subject = subject
        self._progress_key = progress_key(subject.lane_key, subject.model_version)
        said, progress = store.get(subject.key), store.get(self._progress_key)
        self.said = NOTHING_SAID if said is None else _SAID.unpack(said)
        self.progress = NO_PROGRESS if progress is None else _PROGRESS.unpack(progress)
        self._stored_said, self._stored_progress = self.said, self.progress

    def save(self, store: Store) -> None:
        """Write what has changed since it was read or written."""
        if self.said != self._stored_said:
            store.put(self._subject.key, _SAID.pack(self.said))
            self._stored_said = self.said
        if self.progress != self._stored_progress:
            store.put(self._progress_key, _PROGRESS.pack(self.progress))
            self._stored_progress = self.progress

    @property
    def found(self) -> Alert:
        """The latest alert, which there is, without what people have ordered."""
        found = self.said.found
        assert found is not None
        return found

    def open(self, detector: str, since: int | None, at: int | None) -> None:
        """Begin the subject's next alert; `since` and `at` are in microseconds."""
        number = self.said.opened + 1
        first = opened(self._subject, number, detector, since, at)
        self.said = self.said._replace(opened=number, found=first)
        self.progress = NO_PROGRESS

    def find(self, found: Alert) -> None:
        """Take what is known of the alert now."""
        self.said = self.said._replace(found=found)

    def hold(self, name: str, hold: Hold) -> None:
        """Hold the alert open, or hold it in another way."""
        self.said = self.said._replace(holding={**self.said.holding, name: hold})

    def end_change(self) -> None:
        """Take that a change is over."""
        self.said = self.said._replace(episode=self.said.episode + 1)
