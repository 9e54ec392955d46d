"""Causes of a change, and what else was judged, as an alert tells them."""

from collections.abc import Iterable, Sequence

from processors.cause import Cause, Level
from schemas.events import FactorEffect

FACTORS_TOLD_MAX = 20
# A cause is looked for again and again, and a weak one beside the strongest comes and goes.
FURTHER_P_MAX = 0.01


def level_text(level: Level) -> str:
    """Return a level as alerts hold it: field=value.

    >>> level_text(("operator", "ann"))
    'operator=ann'
    """
    return f"{level[0]}={level[1]}"


def level_of(text: str) -> Level:
    """Return the level that `level_text` wrote.

    >>> level_of("operator=a=b")
    ('operator', 'a=b')
    """
    field, _, value = text.partition("=")
    return field, value


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
    groups = [*cause.aliased, *(finding.levels for finding in cause.findings)]
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
            _aliases(effect.level, groups),
        )
        for effect in [*causes, *others][:FACTORS_TOLD_MAX]
    )


def _aliases(level: Level, groups: Iterable[Sequence[Level]]) -> tuple[str, ...]:
    found = dict.fromkeys(other for group in groups if level in group for other in group)
    return tuple(level_text(other) for other in found if other != level)


def further(
    factors: Sequence[FactorEffect], strongest: Sequence[tuple[str | None, str | None]]
) -> list[FactorEffect]:
    """Return the causes beside the strongest, or its tied levels, that are sure enough to be said.

    >>> told = [FactorEffect("operator", "ann", True, 1.0, 0.5, 1.5, 30, p) for p in (0.001, 0.02)]
    >>> [each.adjusted_p for each in further(told, [("reagent_batch", "L1")])]
    [0.001]
    """
    return [
        each
        for each in factors
        if each.is_cause
        and each.adjusted_p <= FURTHER_P_MAX
        and (each.factor, each.value) not in strongest
    ]
