"""How grave an alert is: from the size of the change and the part of results that it affects."""

from schemas.events import SEVERITIES

INFO, WARNING, CRITICAL = SEVERITIES
WARNING_FROM = 0.5
CRITICAL_FROM = 1.5


def severity_of(effect_sd: float | None, share: float) -> str:
    """Return info, warning or critical for a shift of `effect_sd` baseline standard deviations.

    `share` is the part of the results since the change that it affects, 0 to 1. What counts is
    |effect_sd| · √share: the shift of all results that would be as visible as this one is in a part
    of them. Warning from WARNING_FROM on, critical from CRITICAL_FROM on; an effect that is not
    known (None) is a warning.

    >>> [severity_of(effect, share) for effect, share in ((0.4, 1), (1.5, 0.25), (2, 1), (3, 0.25))]
    ['info', 'warning', 'critical', 'critical']
    """
    if effect_sd is None:
        return WARNING
    impact = abs(effect_sd) * share**0.5
    if impact >= CRITICAL_FROM:
        return CRITICAL
    return WARNING if impact >= WARNING_FROM else INFO


def graver(one: str, other: str) -> str:
    """Return the graver of two severities.

    >>> graver("warning", "info")
    'warning'
    """
    return max(one, other, key=SEVERITIES.index)
