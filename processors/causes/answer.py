"""What is said of the cause of a change."""

from typing import NamedTuple

# A factor and its value; of factor `run` the instrument, if stated, and the UTC day.
Level = tuple[str, str]


class Effect(NamedTuple):
    """How far the results of a level moved beyond all others since the change.

    `size_sd`, with its 95 % interval `low_sd` to `high_sd`, is in standard deviations of the errors
    before; all three are None when those are constant. `n` counts the level's results since.
    `adjusted_p` is `p_value` after Benjamini and Hochberg.
    """

    level: Level
    size_sd: float | None
    low_sd: float | None
    high_sd: float | None
    n: int
    p_value: float
    adjusted_p: float


class Affected(NamedTuple):
    """Results made since the change, their first run, and their molecules.

    `first_run` is named as levels of factor `run` are, None when no result has a time, as
    `first_at`, in microseconds since 1970. `molecules` counts them; `molecule_ids` are those
    measured first, at most MOLECULE_IDS_MAX.
    """

    results: int
    first_run: str | None
    first_at: int | None
    molecules: int
    molecule_ids: tuple[str, ...]


class Finding(NamedTuple):
    """One cause: a single effect, or those of the levels that cannot be told apart."""

    effects: tuple[Effect, ...]
    affected: Affected

    @property
    def levels(self) -> list[Level]:
        """The level, or the tied ones."""
        return [effect.level for effect in self.effects]


NOTHING_AFFECTED = Affected(0, None, None, 0, ())


class Cause(NamedTuple):
    """Why a change came.

    `findings` are the causes, the strongest first, none when no factor explains the change.
    `effects` are those of every level that could be judged, by p-value. `affected` is what the
    findings touch, or all since the change without any. `aliased` are groups of levels, found to be
    causes or not, that hold nearly the same results since the change, so that nothing could tell
    them apart. `reason` says why nothing is named and is None when something is.

    >>> NO_CAUSE.level, NO_CAUSE.tied, NO_CAUSE.p_value
    (None, [], None)
    """

    findings: tuple[Finding, ...]
    effects: tuple[Effect, ...]
    affected: Affected
    aliased: tuple[tuple[Level, ...], ...]
    reason: str | None

    @property
    def level(self) -> Level | None:
        """The strongest cause, or None when there is none or it is tied."""
        levels = self.strongest
        return levels[0] if len(levels) == 1 else None

    @property
    def tied(self) -> list[Level]:
        """The levels that cannot be told apart as the strongest cause, or none."""
        levels = self.strongest
        return levels if len(levels) > 1 else []

    @property
    def p_value(self) -> float | None:
        """The adjusted p-value of the strongest cause, or None without one."""
        return self.findings[0].effects[0].adjusted_p if self.findings else None

    @property
    def strongest(self) -> list[Level]:
        """The level of the strongest cause, or its tied ones; none without a cause."""
        return self.findings[0].levels if self.findings else []


NO_CAUSE = Cause((), (), NOTHING_AFFECTED, (), "there are no results since the change")
