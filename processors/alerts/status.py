"""How a model version in an assay stands as a whole: learning, healthy, warning or no labels."""

from typing import NamedTuple

from processors.alerts.rows import blank
from processors.alerts.sentences import moment
from processors.alerts.severity import INFO, WARNING
from processors.alerts.subject import Subject
from schemas.events import STATUS_STATES, Alert
from schemas.topics import digest

LEARNING, HEALTHY, WARNS, NO_LABELS = STATUS_STATES
DETECTOR = "status"
# A chart that stands above this part of its limit is a warning, until it is below the second.
WARNING_STRENGTH = 0.5
HEALTHY_STRENGTH = 0.25
RELEARNS = "what is now becomes the reference"


class Status(NamedTuple):
    """How the charts stand, since when labels are missing, and which state was told last.

    `charts` is None before the first result; `no_labels_since` is in microseconds, None while
    labels come; `told` is None before anything was.

    >>> status = Status().looked(None, 0.6, False); status.state
    'warning'
    >>> status.looked(None, 0.3, False).state, status.looked(None, 0.2, False).state
    ('warning', 'healthy')
    >>> status._replace(no_labels_since=0).state
    'no_labels'
    """

    charts: str | None = None
    no_labels_since: int | None = None
    told: str | None = None

    @property
    def state(self) -> str | None:
        """What is to be told, None before the first result."""
        return self.charts if self.no_labels_since is None else NO_LABELS

    def looked(self, missing: str | None, strength: float | None, is_open: bool) -> "Status":
        """Return the status after a result.

        `missing` says what the reference lacks, None when it is complete; `strength` is the highest
        statistic of the charts over its limit, 0 to 1 (None: not known).
        """
        limit = HEALTHY_STRENGTH if self.charts == WARNS else WARNING_STRENGTH
        if is_open:
            charts = WARNS
        elif missing is not None:
            charts = LEARNING
        else:
            charts = WARNS if strength is not None and strength >= limit else HEALTHY
        return self if charts == self.charts else self._replace(charts=charts)

    def opened(self, is_open: bool) -> "Status":
        """Return the status after an alert has opened; when one has closed, charts decide."""
        return self._replace(charts=WARNS) if is_open else self


def status_row(
    about: Subject, status: Status, missing: str | None, strength: float | None, is_open: bool
) -> Alert:
    """Return the row that tells a subject's status, without its row_version.

    >>> row = status_row(Subject("net", "1", "a"), Status("learning"), "no result yet", None, False)
    >>> row.state, row.reason
    ('learning', 'net 1 in a is learning: no result yet.')
    """
    state = status.state or LEARNING
    return blank(about, digest("status", *about), state, DETECTOR)._replace(
        since=status.no_labels_since,
        reason=_reason(about, state, status, missing, strength, is_open),
        severity=INFO if state in (LEARNING, HEALTHY) else WARNING,
    )


def _reason(
    about: Subject,
    state: str,
    status: Status,
    missing: str | None,
    strength: float | None,
    is_open: bool,
) -> str:
    what = f"{about.model_id} {about.model_version} in {about.assay_id}"
    if state == LEARNING:
        return f"{what} is learning: {missing or 'its reference is not complete'}."
    if state == HEALTHY:
        return f"{what} agrees with the bench as it did in its reference."
    if state == NO_LABELS:
        return (
            f"Predictions of {what} keep coming, but none was answered by an outcome since "
            f"{moment(status.no_labels_since)}: nothing can be said of how good they are."
        )
    if is_open:
        return f"{what} has an open alert."
    part = "near its limit" if strength is None else f"at {strength:.0%} of its limit"
    return f"A chart of {what} stands {part}; that alone is no alert."
