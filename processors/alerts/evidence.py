"""What the results themselves say of a change: since when, where, how much, how many."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import fmean, variance
from typing import NamedTuple

from processors.alerts.factors import factors_of
from processors.assay.mean_shift import ControlResults
from processors.assay.verdict import MODEL, UNKNOWN, Judged, blame
from processors.cause import NO_CAUSE, Cause, explain, holds
from processors.causes.candidates import LEVEL_RESULTS_MIN
from processors.onset import onset
from processors.series import Scored
from schemas.events import CONTEXT_FIELDS, FactorEffect

MOLECULES_NAMED_MAX = 20

Level = tuple[str, str]


class Effect(NamedTuple):
    """A shift of the mean error in baseline standard deviations, with its 95 % interval.

    `before` and `since` are the mean errors themselves, in the unit of the pairs.
    """

    sd: float | None
    low: float | None
    high: float | None
    before: float | None
    since: float | None


class Evidence(NamedTuple):
    """What is known of a change; `level` None: no single factor explains it.

    `since` is the measured_at of the first pair affected (None: not stated), `n` how many are, and
    `share` what part they are of all since then, 0 to 1. `tied` are levels that cannot be told
    apart. `molecules` counts different ones, of which the first are named. `factors` are causes and
    what else was judged, see `processors/alerts/factors.py`.
    """

    level: Level | None
    tied: list[Level]
    p_value: float | None
    since: int | None
    n: int
    share: float
    effect: Effect
    first_run: str | None
    molecules: int
    molecule_ids: tuple[str, ...]
    kind: str = UNKNOWN
    kind_reason: str = ""
    factors: tuple[FactorEffect, ...] = ()


def no_controls(start: int | None) -> list[ControlResults]:
    """Return that no control is known.

    >>> no_controls(5)
    []
    """
    return []


def evidence(
    records: Sequence[Scored],
    found_since: int | None,
    controls: Callable[[int | None], Sequence[ControlResults]] = no_controls,
    *,
    beside: Sequence[Scored] = (),
    given: bool = False,
) -> Evidence:
    """Return what scored pairs in the order of their times say of a change.

    `found_since` is when whoever found it takes it to have begun; that counts only where the
    results themselves do not tell, or where it is `given`: then no cause is looked for. Pairs
    without a time are left out. `controls(start)` are those of the assay with their results since;
    `beside` are pairs of other versions of the model, by which the version itself may be the cause.

    >>> def at(time, lot, error):
    ...     return Scored("1", time, (lot, "I1", None, None), error, 0.0, *[None] * 3, f"M{time}")
    >>> good = [at(t, f"L{t % 2}", t % 7 - 3.0) for t in range(60)]
    >>> found = evidence(good + [at(t, f"L{t % 2}", t % 7 + 9.0) for t in range(60, 90)], 70)
    >>> found.level, found.since, found.n, found.first_run, found.molecule_ids[0]
    (None, 60, 30, 'I1 on 1970-01-01', 'M60')
    """
    began = None if given else onset(records)
    started = found_since if began is None else began
    since = [r for r in records if is_since(r, started)]
    before = [r for r in records if not is_since(r, started)]
    cause = _cause(since, before, beside, started) if since and not given else NO_CAUSE
    own = since
    if cause.level is not None:
        level = cause.level
        own = [record for record in since if holds(record, level)]
        started = min((r.at for r in own if r.at is not None), default=started)
    return Evidence(
        cause.level,
        list(cause.tied),
        cause.p_value,
        started,
        len(own),
        len(own) / len(since) if since else 1.0,
        effect_of(own, before),
        first_run(own),
        *molecules_of(own),
        *_kind(own, before, controls(started), cause),
        factors_of(cause),
    )


def _cause(
    since: Sequence[Scored], before: Sequence[Scored], beside: Sequence[Scored], start: int | None
) -> Cause:
    """Return what explains the change, other versions taken into account that were used since."""
    others_since = [record for record in beside if is_since(record, start)]
    if len(others_since) >= LEVEL_RESULTS_MIN:
        others_before = [record for record in beside if not is_since(record, start)]
        found = explain([*since, *others_since], [*before, *others_before])
        levels = found.strongest
        if not levels or any(holds(record, level) for record in since for level in levels):
            return found
    return explain(since, before)


def _kind(
    own: Sequence[Scored],
    before: Sequence[Scored],
    controls: Sequence[ControlResults],
    cause: Cause,
) -> tuple[str, str]:
    """Return whether it was the assay, the model or chemistry, and why."""
    found = blame(_judged(own), _judged(before), controls)
    if found.blamed == UNKNOWN and cause.level is not None and cause.level[0] == "model_version":
        return MODEL, "its other versions, which were used at the same time, did not move with it"
    return found.blamed, found.reason


def _judged(records: Sequence[Scored]) -> list[Judged]:
    return [
        Judged(r.error, r.domain_rank, r.predicted, r.measured)
        for r in records
        if r.error is not None
    ]


def is_since(record: Scored, start: int | None) -> bool:
    """Return whether a pair was measured at or after a time; False where either is not stated."""
    return start is not None and record.at is not None and record.at >= start


def effect_of(own: Sequence[Scored], before: Sequence[Scored]) -> Effect:
    """Return how far the mean error of `own` lies from that of `before`.

    The interval is Welch's for a difference of means, over the standard deviation before, which is
    taken as known. No effect without two errors before that differ, no interval without two since.
    Source: B. L. Welch, Biometrika 34 (1947), 28-35.

    >>> def of(errors): return [Scored("1", 0, (None,) * 4, e, 0.0, *[None] * 3) for e in errors]
    >>> found = effect_of(of([3.0, 5.0]), of([-1.0, 1.0]))
    >>> round(found.sd, 3), found.before, found.since
    (2.828, 0.0, 4.0)
    """
    now = [r.error for r in own if r.error is not None]
    earlier = [r.error for r in before if r.error is not None]
    means = (fmean(earlier) if earlier else None, fmean(now) if now else None)
    spread = variance(earlier) if len(earlier) >= 2 else 0.0
    if means[0] is None or means[1] is None or spread <= 0:
        return Effect(None, None, None, *means)
    moved, sd = means[1] - means[0], spread**0.5
    if len(now) < 2:
        return Effect(moved / sd, None, None, *means)
    half = _half_width(variance(now) / len(now), len(now), spread / len(earlier), len(earlier))
    return Effect(moved / sd, (moved - half) / sd, (moved + half) / sd, *means)


def _half_width(own: float, own_n: int, before: float, before_n: int) -> float:
    from scipy.special import stdtrit  # slow to import

    total = own + before
    freedom = total**2 / (own**2 / (own_n - 1) + before**2 / (before_n - 1))
    half: float = float(stdtrit(freedom, 0.975)) * total**0.5
    return half


def first_run(own: Sequence[Scored]) -> str | None:
    """Return the run of the first pair, in words: its instrument and UTC day; None without a time.

    >>> first_run([Scored("1", 86_400_000_000, (None,) * 4, *[None] * 5)])
    '1970-01-02'
    """
    first = min((r for r in own if r.at is not None), key=lambda r: r.at or 0, default=None)
    if first is None or first.at is None:
        return None
    day = datetime.fromtimestamp(first.at / 1e6, UTC).strftime("%Y-%m-%d")
    instrument = first.context[CONTEXT_FIELDS.index("instrument")]
    return day if instrument is None else f"{instrument} on {day}"


def molecules_of(own: Sequence[Scored]) -> tuple[int, tuple[str, ...]]:
    """Return how many different molecules pairs have, and the first MOLECULES_NAMED_MAX of them.

    >>> molecules_of([Scored("1", 0, (None,) * 4, *[None] * 5, m) for m in ("a", "b", "a")])
    (2, ('a', 'b'))
    """
    found = dict.fromkeys(record.molecule_id for record in own if record.molecule_id)
    return len(found), tuple(found)[:MOLECULES_NAMED_MAX]
