"""The columns a CSV file of predictions or outcomes may and must have."""

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from schemas.errors import SettingsError
from schemas.events import CONTEXT_FIELDS

FEATURE_PREFIX = "feature:"
_LIKENESS_MIN = 0.75
_EVENT = ("event_id", "revision", "retracted", "molecule_id", "assay_id", *CONTEXT_FIELDS)


class Kind(NamedTuple):
    """What a file of one kind of event may and must have as columns."""

    event: str
    columns: tuple[str, ...]
    required: tuple[str, ...]
    one_of: tuple[str, ...]
    features: bool


PREDICTIONS = Kind(
    "prediction",
    (
        *_EVENT,
        *("model_id", "model_version", "value", "label", "probability"),
        *("uncertainty", "unit", "predicted_at"),
    ),
    ("molecule_id", "assay_id", "model_id"),
    ("value", "label", "probability"),
    True,
)
OUTCOMES = Kind(
    "outcome",
    (*_EVENT, "value", "label", "qualifier", "unit", "measured_at"),
    ("molecule_id", "assay_id"),
    ("value", "label"),
    False,
)


def _is_known(column: str, kind: Kind) -> bool:
    return column in kind.columns or (
        kind.features and column.startswith(FEATURE_PREFIX) and column != FEATURE_PREFIX
    )


def _near(column: str, kind: Kind) -> str:
    spelling = column.lower().replace(" ", "_")
    found = difflib.get_close_matches(spelling, kind.columns, n=1, cutoff=_LIKENESS_MIN)
    return f" (did you mean {found[0]}?)" if found else ""


def check_columns(file_name: str, columns: Sequence[str], kind: Kind) -> str | None:
    """Return a warning that names the columns to be ignored, or None when all are known.

    Raises SettingsError when a required column is missing.
    """
    unknown = [c for c in columns if not _is_known(c, kind)]
    ignored = ", ".join(f"{c or '(no name)'}{_near(c, kind)}" for c in unknown)
    missing = [c for c in kind.required if c not in columns]
    if not any(c in columns for c in kind.one_of):
        missing.append(" or ".join(kind.one_of))
    if missing:
        also = f"; {FEATURE_PREFIX}NAME for features" if kind.features else ""
        raise SettingsError(
            f"{file_name} lacks the columns {', '.join(missing)}; {kind.event}s may have "
            f"{', '.join(kind.columns)}{also}" + (f"; not known: {ignored}" if ignored else "")
        )
    return f"{file_name}: columns ignored: {ignored}" if ignored else None
