"""What a command about alerts may hold, whoever sends it."""

from schemas.errors import InvalidValueError
from schemas.events import COMMAND_KINDS, CONTEXT_FIELDS, AlertCommand
from schemas.validation import check_text, check_time


def check_command(command: AlertCommand) -> None:
    """Raise InvalidValueError, which names the column, when a command holds what it must not.

    >>> check_command(AlertCommand("c", "hush", None, None, "a", *[None] * 4, "ann", "", 0))
    Traceback (most recent call last):
        ...
    schemas.errors.InvalidValueError: kind is 'hush'; allowed are acknowledge, mute, unmute, plan, \
cancel_plan, rebaseline
    """
    for name in ("command_id", "model_id", "model_version", "assay_id", "segment_value", "by"):
        check_text(name, getattr(command, name))
    check_text("note", command.note or None)
    for name in ("starts_at", "ends_at", "at"):
        check_time(name, getattr(command, name))
    _one_of("kind", command.kind, COMMAND_KINDS)
    if command.segment_field is not None:
        _one_of("segment_field", command.segment_field, CONTEXT_FIELDS)
    elif command.segment_value is not None:
        _refuse("segment_value", "is given without segment_field, which says of what it is one")
    if command.model_version is not None and command.model_id is None:
        _refuse("model_version", "is given without model_id, which says of what it is one")
    if command.lane < 0:
        _refuse("lane", f"is {command.lane}; partitions begin with 0")
    if command.kind == "plan":
        _check_plan(command)
    starts_at = command.at if command.starts_at is None else command.starts_at
    if command.ends_at is not None and command.ends_at <= starts_at:
        _refuse("ends_at", "does not lie after the beginning")


def _check_plan(command: AlertCommand) -> None:
    if command.starts_at is None:
        _refuse("starts_at", "is missing: a planned change needs the time from which it holds")
    if not command.note:
        _refuse("note", "is missing: alerts that a planned change explains quote it")


def _one_of(name: str, text: str, allowed: tuple[str, ...]) -> None:
    if text not in allowed:
        _refuse(name, f"is {text[:40]!r}; allowed are {', '.join(allowed)}")


def _refuse(name: str, why: str) -> None:
    raise InvalidValueError(f"{name} {why}", name)
