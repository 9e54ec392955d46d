"""Causes of a change, and what else was judged, as an alert tells them."""

from processors.cause import Cause
from schemas.events import Alert, FactorEffect

FACTORS_TOLD_MAX = 20


def factors_of(cause: Cause) -> tuple[FactorEffect, ...]:
    """Return the effects of a cause's findings, then the others by p-value.

    They are at most FACTORS_TOLD_MAX.

    >>> from processors.cause import NO_CAUSE, Effect
    >>> lot = Effect(("reagent_batch", "L1"), 1.5, 1.0, 2.0, 30, 1e-6, 1e-5)
    >>> (found,) = factors_of(NO_CAUSE._replace(effects=(lot,)))
    >>> found.factor, found.is_cause, found.effect_sd, found.adjusted_p
    ('reagent_batch', False, 1.5, 1e-05)
    """
    causes = [effect for finding in cause.findings for effect in finding.effects]
    named = {effect.level for effect in causes}
    others = [effect for effect in cause.effects if effect.level not in named]
    return tuple(
        FactorEffect(
            *effect.level,
            effect.level in named,
            effect.size_sd,
            effect.low_sd,
            effect.high_sd,
            effect.n,
            effect.adjusted_p,
        )
        for effect in [*causes, *others][:FACTORS_TOLD_MAX]
    )


def causes_of(alert: Alert) -> list[FactorEffect]:
    """Return the factors of an alert that are causes, the strongest first.

    >>> from processors.alerts.rows import opened
    >>> from processors.alerts.subject import Subject
    >>> causes_of(opened(Subject("net", "1", "a"), 1, "cusum", 5, 9))
    []
    """
    return [each for each in alert.factors if each.is_cause]
