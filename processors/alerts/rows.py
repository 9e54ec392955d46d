"""Rows of alerts: how one begins, what is put into it, and what of it is worth telling."""

from processors.alerts.evidence import Evidence
from processors.alerts.factors import further, level_text
from processors.alerts.orders import levels_of
from processors.alerts.severity import INFO
from processors.alerts.subject import Subject
from processors.series import SeriesName
from schemas.events import ALERT_STATES, CONTEXT_FIELDS, Alert
from schemas.topics import digest

OPEN, ACKNOWLEDGED, MUTED, RECOVERED = ALERT_STATES


def blank(about: Subject, alert_id: str, state: str, detector: str) -> Alert:
    """Return a row of which nothing else is known yet.

    >>> blank(Subject("net", "1", "a"), "x", OPEN, "cusum").n
    0
    """
    return Alert(
        alert_id=alert_id,
        row_version=0,
        state=state,
        model_id=about.model_id,
        model_version=about.model_version,
        assay_id=about.assay_id,
        segment_field=None,
        segment_value=None,
        detector=detector,
        since=None,
        detected_at=None,
        effect_sd=None,
        p_value=None,
        n=0,
        reason="",
        severity=INFO,
    )


def opened(about: Subject, number: int, detector: str, since: int | None, at: int | None) -> Alert:
    """Return the first row of a subject's alert of a `number`.

    `since` and `at` are in microseconds. Equal alerts have equal ids, whoever works the log off.

    >>> opened(Subject("net", "1", "a"), 1, "cusum", 5, 9).state
    'open'
    """
    row = blank(about, digest("alert", *about, str(number)), OPEN, detector)
    return row._replace(since=since, detected_at=at)


def segment_of(alert: Alert) -> tuple[str, str | None, str | None]:
    """Return which alert a row is of, and the segment that it names.

    >>> segment_of(opened(Subject("net", "1", "a"), 1, "cusum", 5, 9))[1:]
    (None, None)
    """
    return (alert.alert_id, alert.segment_field, alert.segment_value)


def series_of(alert: Alert) -> SeriesName:
    """Return the series of an alert's segment; runs and model versions have none of their own.

    >>> series_of(opened(Subject("net", "1", "a"), 1, "cusum", 5, 9))
    SeriesName(model_version='1', field=None, value=None)
    """
    if alert.segment_field not in CONTEXT_FIELDS:
        return SeriesName(alert.model_version, None, None)
    return SeriesName(alert.model_version, alert.segment_field, alert.segment_value)


def telling(alert: Alert) -> tuple[object, ...]:
    """Return what of a row is worth another one.

    >>> row = opened(Subject("net", "1", "a"), 1, "cusum", 5, 9)
    >>> telling(row) == telling(row._replace(n=7)), telling(row) == telling(row._replace(rule="r"))
    (True, False)
    """
    return (
        *segment_of(alert),
        alert.state,
        alert.severity,
        alert.kind,
        alert.tied,
        alert.rule,
        alert.planned_change,
        alert.acknowledged_by,
        alert.muted_until,
    )


def names_more(row: Alert, said: Alert) -> bool:
    """Return whether a row has a further cause that the alert as said before has not.

    >>> from schemas.events import FactorEffect
    >>> lot = FactorEffect("reagent_batch", "L1", True, 1.0, 0.5, 1.5, 30, 1e-6)
    >>> ann = lot._replace(factor="operator", value="ann")
    >>> row = opened(Subject("net", "1", "a"), 1, "cusum", 5, 9)
    >>> row = row._replace(segment_field="reagent_batch", segment_value="L1", factors=(lot,))
    >>> both = row._replace(factors=(lot, ann))
    >>> names_more(both, row), names_more(row, both)
    (True, False)
    """
    known = {(each.factor, each.value) for each in said.factors if each.is_cause}
    return any((e.factor, e.value) not in known for e in further(row.factors, levels_of(row)))


def with_evidence(alert: Alert, found: Evidence) -> Alert:
    """Return a row with what the results say of the change.

    >>> row = opened(Subject("net", "1", "a"), 1, "cusum", 5, 9)
    >>> from processors.alerts.evidence import evidence
    >>> with_evidence(row, evidence([], 5)).since
    5
    """
    level = found.level or (None, None)
    return alert._replace(
        segment_field=level[0],
        segment_value=level[1],
        since=found.since,
        effect_sd=found.effect.sd,
        p_value=alert.p_value if found.p_value is None else found.p_value,
        n=found.n,
        effect_low=found.effect.low,
        effect_high=found.effect.high,
        mean_error_before=found.effect.before,
        mean_error_since=found.effect.since,
        tied=tuple(level_text(level) for level in found.tied),
        first_run=found.first_run,
        molecules=found.molecules,
        molecule_ids=found.molecule_ids,
        kind=found.kind,
        factors=found.factors,
    )
