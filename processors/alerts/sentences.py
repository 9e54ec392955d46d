"""What an alert says to a person."""

from collections.abc import Sequence
from datetime import UTC, datetime

from processors.alerts.evidence import Evidence, Level
from processors.alerts.factors import further, level_text
from processors.alerts.subject import Subject
from processors.assay.verdict import UNKNOWN
from schemas.events import AlertCommand


def moment(time_us: int | None) -> str:
    """Return a time as a part of a sentence.

    >>> moment(0), moment(None)
    ('1970-01-01 00:00 UTC', 'an unstated time')
    """
    if time_us is None:
        return "an unstated time"
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")


def named(level: Level) -> str:
    """Return a level of a factor in words.

    >>> named(("reagent_batch", "L1"))
    'reagent batch L1'
    """
    return f"{level[0].replace('_', ' ')} {level[1]}"


def listed(parts: Sequence[str]) -> str:
    """Return parts of a sentence with commas and an "and".

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def of_change(about: Subject, found: Evidence) -> str:
    """Return what has changed, since when, and where.

    >>> from processors.alerts.evidence import Effect
    >>> effect = Effect(1.5, 1.0, 2.0, 0.0, 3.0)
    >>> found = Evidence(None, [], None, 0, 9, 1.0, effect, None, 9, ())
    >>> of_change(Subject("net", "1", "logP"), found)
    'Predictions of net 1 in logP read 1.5 baseline SD further above the bench than before since \
1970-01-01 00:00 UTC (9 results); no single factor explains it.'
    """
    what = f"Predictions of {about.model_id} {about.model_version} in {about.assay_id}"
    if found.effect.sd is None:
        moved = "no longer err as they did"
    else:
        way = "above" if found.effect.sd > 0 else "below"
        moved = f"read {abs(found.effect.sd):.1f} baseline SD further {way} the bench than before"
    when = f"since {moment(found.since)}"
    if found.level is not None:
        p_value = "" if found.p_value is None else f", adjusted p {found.p_value:.1g}"
        why = f", on results made with {named(found.level)} ({found.n} results{p_value} against "
        why += "the others)."
    elif found.tied:
        names = listed([named(level) for level in found.tied])
        why = f"; {names} hold the same results and cannot be told apart."
    else:
        why = f" ({found.n} results); no single factor explains it."
    return f"{what} {moved} {when}{why}{_also(found)}{_blamed(found)}"


def _also(found: Evidence) -> str:
    """Return the causes beside the strongest."""
    strongest = found.tied if found.level is None else [found.level]
    left, others = further(found.factors, strongest), list[str]()
    while left:
        first = left[0]
        tied = [each for each in left if level_text(each[:2]) in first.aliased_with]
        names = [named(each[:2]) for each in (first, *tied)]
        others.append(f"{' or '.join(names)} ({first.n} results)")
        left = [each for each in left[1:] if each not in tied]
    return f" So did results made with {listed(others)}." if others else ""


def _blamed(found: Evidence) -> str:
    if found.kind == UNKNOWN:
        return ""
    return f" It is the {found.kind}: {found.kind_reason}."


def of_plan(plan: AlertCommand) -> str:
    """Return that a change was planned.

    >>> of_plan(AlertCommand("c", "plan", *[None] * 2, "a", *[None] * 2, 0, None, "ann", "move", 0))
    'A planned change explains it: move (said by ann, from 1970-01-01 00:00 UTC on).'
    """
    return (
        f"A planned change explains it: {plan.note} (said by {plan.by}, from "
        f"{moment(plan.starts_at)} on)."
    )
