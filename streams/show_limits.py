"""Limits as rows of a table, and pairs of ClickHouse as the core takes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from processors.assay.control_target import learn_target
from processors.controls import Control
from processors.limits.explained import SeriesLimits
from processors.series import Scored
from schemas.events import CONTEXT_FIELDS

# As many as the monitor reads of a control.
LEARN_FROM = 1_000


def as_row(row: Mapping[str, Any]) -> Scored:
    """Return a row of the view of pairs as a scored pair."""
    return Scored(
        model_version=row["model_version"],
        at=row["at"],
        context=tuple(row[field] for field in CONTEXT_FIELDS),
        predicted=row["predicted"],
        measured=row["measured"],
        predicted_label=row["predicted_label"],
        measured_label=row["measured_label"],
        probability=row["probability"],
    )


def series_called(limits: SeriesLimits) -> str:
    """Return what people call a series: all, or the value of its field."""
    field, value = limits.name.field, limits.name.value
    return "all" if field is None else f"{field.replace('_', ' ')} {value}"


def as_record(limits: SeriesLimits, model: str, assay: str) -> dict[str, Any]:
    """Return a series with all that its limits follow from."""
    name, baseline = limits.name, limits.baseline
    return {
        "model_id": model,
        "model_version": name.model_version,
        "assay_id": assay,
        "segment_field": name.field,
        "segment_value": name.value,
        "state": limits.state,
        "missing": limits.missing,
        "pairs": limits.pairs,
        "own_baseline": limits.own_baseline,
        "mean": limits.mean,
        "sd": limits.sd,
        "runs": baseline and baseline.runs,
        "run_size": baseline and baseline.run_size,
        "within_run_correlation": baseline and baseline.intraclass_correlation,
        "limits": {n: {"limit": at, "strength": s} for n, (at, s) in limits.limits.items()},
        "pairs_to_see_1_sd": limits.pairs_to_see_1_sd,
    }


def as_line(limits: SeriesLimits) -> dict[str, Any]:
    """Return a series as a line of a narrow table."""
    baseline = limits.baseline
    limit, strength = limits.limits.get("cusum", (None, 0.0))
    pairs = limits.pairs_to_see_1_sd
    return {
        "series": series_called(limits),
        "pairs": limits.pairs,
        "mean": limits.mean,
        "SD": limits.sd,
        "in-run r": None if baseline is None else f"{baseline.intraclass_correlation:.2f}",
        "limit": None if limit is None else f"{limit:.1f}",
        "now at": None if limit is None else f"{strength:.0%}",
        "1 SD told in": None if pairs is None else f"{pairs:.0f} pairs",
    }


def as_remark(limits: SeriesLimits) -> str | None:
    """Return a sentence on a series that has no limits of its own, or None."""
    if limits.state == "learning":
        return f"{series_called(limits)} is learning: {limits.missing}."
    if limits.state == "whole":
        return f"{series_called(limits)} holds all pairs: its chart would be that of all."
    return None


def control_remark(control: Control, values: Sequence[float | None]) -> str:
    """Return a sentence on a control compound and its target."""
    known = [value for value in values if value is not None]
    if not known:
        return (
            f"control {control.molecule_id} is learning: no result of it has come with a prediction"
            " of this model version."
        )
    learnt = learn_target(known[:LEARN_FROM]) if control.target is None else None
    target = control.target if learnt is None else learnt.target
    if target is None:
        return f"control {control.molecule_id} is learning: {learnt.missing if learnt else ''}."
    origin = "stated" if target.n is None else f"learnt from {target.n} results"
    return (
        f"control {control.molecule_id}: {len(known)} results, target {target.mean:.4g} with SD "
        f"{target.sd:.3g} ({origin})."
    )
