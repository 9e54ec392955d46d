"""The batch answer about pairs: from the input alone, in pandas, with none of the core's own rules.

Source of the rules: DESIGN.md, "Join". Of the production code only event types, the codec, the
precedence of forms and the identity of a pair are used.
"""

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from fault_input import Sent
from lab_events import Measurement, retention_us

from processors.pairing import pair_id_of
from schemas.events import CONTEXT_FIELDS, Outcome, Prediction
from schemas.precedence import precedence

# How much of the first unit one of the second is; nothing else is convertible in the input.
CONVERSIONS = {("uM", "nM"): 1e3, ("nM", "uM"): 1e-3}
LOWEST = -(2**62)
VERSION = ["model_id", "model_version"]
PLACE = ["molecule", "assay"]


class Conflict(NamedTuple):
    """A form of an event that another form of the same revision has outdone."""

    event_id: str
    revision: int


class PairOracle(NamedTuple):
    """What stands at the end.

    `pairs` has one row per pair that stands, `late` one per late pair, `inconvertible` one per pair
    whose units do not fit, all by pair_id; `predictions` and `outcomes` hold the newest forms.
    `coverage` is by model, version and assay, `expired` are places and
    event ids of predictions, `changed_places` are the molecules and assays in
    which an event has more than one form.
    """

    predictions: pd.DataFrame
    outcomes: pd.DataFrame
    pairs: pd.DataFrame
    late: pd.DataFrame
    inconvertible: pd.DataFrame
    coverage: pd.DataFrame
    expired: list[tuple[tuple[str, str], str]]
    conflicts: list[Conflict]
    changed_places: set[tuple[str, str]]


def canonical(text: str) -> str:
    """Return an identifier without blanks at its ends, in Unicode's NFC."""
    return unicodedata.normalize("NFC", text).strip()


def place_of(event: Measurement) -> tuple[str, str]:
    """Return where an event meets others."""
    return canonical(event.molecule_id), canonical(event.assay_id)


def pair_oracle(messages: Iterable[Sent], now_us: int) -> PairOracle:
    """Return the batch answer for an input; `now_us` is the time that decides what has expired."""
    forms: dict[tuple[type, tuple[str, str], str], dict[int, Measurement]] = {}
    for message in messages:
        if message.event is not None:
            own = (type(message.event), place_of(message.event), message.event.event_id)
            forms.setdefault(own, {})[precedence(message.event)] = message.event
    newest = {own: known[max(known)] for own, known in forms.items()}
    predictions = _frame([e for e in newest.values() if isinstance(e, Prediction)], Prediction)
    outcomes = _frame([e for e in newest.values() if isinstance(e, Outcome)], Outcome)
    met = _met(predictions, outcomes)
    answered = set(met[met.standing == "in time"].index_p)
    live = _judged(predictions, answered, now_us)
    standing = _ranked(met)
    fits = standing.convertible
    return PairOracle(
        predictions,
        outcomes,
        standing[fits].set_index("pair_id"),
        met[met.standing == "late"].set_index("pair_id"),
        standing[~fits].set_index("pair_id"),
        _coverage(live),
        [(place_of(event), event.event_id) for event in live[live.expired].event],
        [
            Conflict(own[2], event.revision)
            for own, known in forms.items()
            for event in known.values()
            if event is not newest[own] and event.revision == newest[own].revision
        ],
        {own[1] for own, known in forms.items() if len(known) > 1},
    )


def _frame(events: list[Measurement], event_type: type[Measurement]) -> pd.DataFrame:
    """Return events as rows, with their place, their context by field, and whole as `event`."""
    columns = [*event_type._fields, *CONTEXT_FIELDS, *PLACE, "event"]
    rows = [(*event, *event.context, *place_of(event), event) for event in events]
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    frame["index_p" if event_type is Prediction else "index_o"] = range(len(frame))
    return frame


def _met(predictions: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return every prediction beside every outcome of its place and context, with its standing."""
    left = predictions[~predictions.retracted.astype(bool)]
    right = outcomes[~outcomes.retracted.astype(bool)]
    met = left.merge(right, on=PLACE, suffixes=("_p", "_o"))
    for name in CONTEXT_FIELDS:
        stated = met[f"{name}_p"]
        met = met[stated.isna() | (stated == met[f"{name}_o"])]
    predicted_at, measured_at = met.predicted_at.astype(float), met.measured_at.astype(float)
    retention = met.assay.map(retention_us)
    met["standing"] = np.select(
        [predicted_at > measured_at, measured_at > predicted_at + retention],
        ["retrospective", "late"],
        "in time",
    )
    met["pair_id"] = [pair_id_of(p, o) for p, o in zip(met.event_p, met.event_o, strict=True)]
    return met


def _ranked(met: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs that stand, with their status, unit and values."""
    rows = met[met.standing != "late"].copy()
    fields = [f"{name}_p" for name in CONTEXT_FIELDS]
    rows["specificity"] = rows[fields].notna().sum(axis=1)
    rows["made_at"] = [LOWEST if pd.isna(at) else at for at in rows.predicted_at]
    rows = rows.sort_values(["specificity", "made_at", "event_id_p"])
    in_time = rows[rows.standing == "in time"]
    best = in_time.groupby(["index_o", *VERSION]).tail(1).index
    rows["status"] = np.where(rows.standing == "retrospective", "retrospective", "superseded")
    rows.loc[best, "status"] = "paired"
    both = rows.value_p.notna() & rows.value_o.notna()
    same = (rows.unit_p == rows.unit_o) | rows.unit_p.isna() | rows.unit_o.isna()
    factors = [CONVERSIONS.get(units) for units in zip(rows.unit_p, rows.unit_o, strict=True)]
    factor = pd.Series(factors, index=rows.index, dtype=float).where(both & ~same, 1.0)
    rows["convertible"] = factor.notna()
    rows["predicted"] = rows.value_p.astype(float) * factor
    rows["measured"] = rows.value_o.astype(float)
    rows["unit"] = rows.unit_o.where(rows.unit_o.notna(), rows.unit_p)
    return rows


def _judged(predictions: pd.DataFrame, answered: set[int], now_us: int) -> pd.DataFrame:
    """Return the predictions that are not retracted, each labelled, expired or neither."""
    live = predictions[~predictions.retracted.astype(bool)].copy()
    deadline = live.predicted_at.astype(float) + live.assay.map(retention_us)
    live["labelled"] = live.index_p.isin(answered)
    live["expired"] = ~live.labelled & (deadline <= now_us)
    return live


def _coverage(live: pd.DataFrame) -> pd.DataFrame:
    """Return counts by model, version and assay: predictions, labelled, expired."""
    grouped = live.groupby([*VERSION, "assay"])
    return grouped.agg(
        predictions=("event_id", "size"), labelled=("labelled", "sum"), expired=("expired", "sum")
    ).astype(int)
