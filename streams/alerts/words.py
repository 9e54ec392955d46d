"""An alert in words, for a terminal."""

from collections.abc import Sequence

from processors.alerts.sentences import named
from schemas.events import CONTEXT_FIELDS, Alert
from sinks.notify._notice import datetime_of
from streams.alerts.rows import SINCE_PAIRS, Evidence

SHORT_ID = 12
MOLECULES_NAMED_MAX = 20
CHANGED = {
    "assay": "the assay: controls moved, too",
    "model": "the model: the assay's controls did not move",
    "chemistry": "the chemistry: molecules unlike those before",
    "unknown": "assay, model or chemistry: it cannot be told which",
}


def short(alert: Alert) -> str:
    """Return what is enough of an alert's id to name it."""
    return alert.alert_id[:SHORT_ID]


def factor(alert: Alert) -> str | None:
    """Return the factor that explains a change, as a person says it."""
    if alert.segment_field is None:
        return None
    return named((alert.segment_field, str(alert.segment_value)))


def standing(alert: Alert) -> str:
    """Return state and severity."""
    bad = alert.state in ("open", "acknowledged", "muted")
    return f"{alert.state.replace('_', ' ')}{f', {alert.severity}' if bad else ''}"


def subject(alert: Alert) -> str:
    """Return what an alert is about."""
    return f"{alert.model_id} {alert.model_version} in {alert.assay_id}"


def summary(alert: Alert) -> str:
    """Return one line of what changed, since when and because of what."""
    parts = [f"since {minute(alert.since)}" if alert.since is not None else None, factor(alert)]
    if alert.tied:
        parts.append("tied: " + ", ".join(alert.tied))
    parts.append(None if alert.effect_sd is None else f"{signed(alert.effect_sd)} SD")
    parts.append(f"{alert.n} results" if alert.n else None)
    return ", ".join(part for part in parts if part is not None) or alert.reason


def minute(at_us: int | None) -> str:
    """Return microseconds since 1970 as a person reads them."""
    return "not stated" if at_us is None else f"{datetime_of(at_us):%Y-%m-%d %H:%M} UTC"


def facts(alert: Alert, states: Sequence[str], evidence: Evidence) -> list[tuple[str, str]]:
    """Return all there is to know of an alert, as names with values."""
    named = {
        "about": subject(alert),
        "changed": CHANGED.get(alert.kind, alert.kind),
        "since": _since(alert),
        "because of": factor(alert) or (None if alert.tied else "no single factor found"),
        "tied": f"{', '.join(alert.tied)} (cannot be told apart)" if alert.tied else None,
        "effect": _effect(alert, evidence),
        "how sure": _how_sure(alert),
        "results": _results(alert, evidence),
        "molecules": _molecules(alert, evidence),
        "rule": alert.rule,
        "planned": alert.planned_change,
        "seen by": alert.acknowledged_by,
        "muted until": None if alert.muted_until is None else minute(alert.muted_until),
        "states": " → ".join(state.replace("_", " ") for state in states),
    }
    return [(name, value) for name, value in named.items() if value]


def _since(alert: Alert) -> str:
    text = minute(alert.since)
    if alert.detected_at is not None:
        text += f", found with the result of {minute(alert.detected_at)}"
    return text + (f"; first run {alert.first_run}" if alert.first_run else "")


def _effect(alert: Alert, evidence: Evidence) -> str | None:
    if alert.effect_sd is None:
        return None
    text = f"{signed(alert.effect_sd)} baseline SD"
    if alert.effect_low is not None and alert.effect_high is not None:
        text += f" (95 % interval {signed(alert.effect_low)} to {signed(alert.effect_high)})"
    if alert.mean_error_before is not None and alert.mean_error_since is not None:
        unit = f" {evidence.unit}" if evidence.unit else ""
        before, now = alert.mean_error_before, alert.mean_error_since
        text += f"; mean error {before:+.3g} before, {now:+.3g} since{unit}"
    return text


def _how_sure(alert: Alert) -> str | None:
    parts = [f"found by {alert.detector}"]
    if alert.p_value is not None:
        parts.append(f"adjusted p {alert.p_value:.1g}")
    if alert.false_alarms_per_year is not None:
        parts.append(f"limit set for {alert.false_alarms_per_year:g} false alarms a model-year")
    return ", ".join(parts)


def _results(alert: Alert, evidence: Evidence) -> str:
    now = sum(result.affected for result in evidence.since)
    least = "at least " if len(evidence.since) >= SINCE_PAIRS else ""
    return f"{alert.n} in what is said here; {least}{now} since, by now"


def _molecules(alert: Alert, evidence: Evidence) -> str | None:
    own = list(dict.fromkeys(r.molecule_id for r in evidence.since if r.affected))
    names = (list(alert.molecule_ids) or own)[:MOLECULES_NAMED_MAX]
    count = alert.molecules or len(own)
    more = ", …" if count > len(names) else ""
    return f"{count}: {', '.join(names)}{more}" if names else None


def printable(text: str) -> str:
    """Return text of unknown origin without anything that a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def signed(value: float) -> str:
    """Return a number of two digits with its sign."""
    return f"{value:+.2g}".replace("-", "−")


def to_do(alert: Alert) -> list[str]:
    """Return what a person may do about it, in the order of what helps soonest."""
    if alert.state == "recovered":
        return ["nothing: results agree with the baseline again"]
    if alert.state == "no_labels":
        return ["send outcomes, or find out why there are none: nobody can judge the model now"]
    found = _remedy(alert)
    assay = _quoted(alert.assay_id)
    if alert.segment_field is not None and alert.planned_change is None:
        level = ""
        if alert.segment_field in CONTEXT_FIELDS:
            level = f"--field {alert.segment_field} --value {_quoted(str(alert.segment_value))} "
        found.append(
            f"if the change was meant, say so: recalibra alerts plan {assay} {level}"
            f'--from {_day(alert.since)} --note "…"'
        )
    if alert.state == "open":
        found.append(f"say that you have seen it: recalibra alerts ack {short(alert)}")
    return found


def _remedy(alert: Alert) -> list[str]:
    if alert.tied:
        return ["measure a few of the molecules again with only one of the tied factors changed"]
    if alert.segment_field == "model_version":
        return [f"use another version of {alert.model_id} until this one is corrected or retrained"]
    if alert.segment_field == "run":
        return ["measure a few of the molecules of that run again and compare"]
    if alert.segment_field is not None:
        name = alert.segment_field.replace("_", " ")
        return [f"measure a few of the molecules again with another {name} and compare"]
    return {
        "assay": ["look at the assay: its controls moved together with the results"],
        "model": [f"correct or retrain {alert.model_id}: the assay itself did not move"],
        "chemistry": [
            "do not rely on predictions for these molecules: the model has not seen such"
        ],
    }.get(alert.kind, ["look at the first run affected, and at what else changed on that day"])


def _day(at_us: int | None) -> str:
    return "DATE" if at_us is None else f"{datetime_of(at_us):%Y-%m-%d}"


def _quoted(text: str) -> str:
    from shlex import quote

    return quote(text)
