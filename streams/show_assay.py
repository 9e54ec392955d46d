"""How an assay repeats itself and how its controls stand, from the outcomes that ClickHouse has."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from processors.assay.control_chart import Charted, ControlChart
from processors.assay.noise_floor import NoiseFloor, above_floor, noise_floor
from processors.assay.repeats import LastTwo, Repeats
from processors.controls import Control
from processors.figures.estimate import Estimate
from processors.runs import run_of
from schemas.topics import canonical

LINES = 16
LIMITS_SD = (0.0, -2.0, 2.0, -3.0, 3.0)
# A result further out is drawn at the edge.
EDGE_SD = 5.0

Row = Mapping[str, Any]


class ControlStanding(NamedTuple):
    """A control with what its chart makes of each result; `missing` says what it lacks, or None."""

    molecule_id: str
    target: tuple[float, float] | None
    missing: str | None
    times: list[str]
    charted: list[Charted]


def repeats_of(rows: Sequence[Row], linear: bool) -> Repeats:
    """Return what molecules measured again tell, of rows in the order of measurement."""
    repeats, kept = Repeats(log_scale=not linear), dict[str, LastTwo]()
    for row in rows:
        found = run_of(row["instrument"], row["at"])
        run = None if found is None else f"{found[0]} {found[1]}"
        molecule = canonical(row["molecule_id"])
        kept[molecule] = repeats.measured(kept.get(molecule), row["value"], run)
    return repeats


def standing_of(control: Control, rows: Sequence[Row], per_run: int) -> ControlStanding:
    """Return how a control stands by its results in the order of measurement."""
    chart, charted, times = ControlChart(control.target, per_run), [], []
    for row in rows:
        if canonical(row["molecule_id"]) == control.molecule_id:
            charted.append(chart.update(row["value"], row["instrument"], row["at"]))
            times.append(row["measured_at"])
    target = None if chart.target is None else (chart.target.mean, chart.target.sd)
    return ControlStanding(control.molecule_id, target, chart.missing, times, charted)


def models_of(rows: Sequence[Row], floor: NoiseFloor | None) -> list[dict[str, Any]]:
    """Return each model version's RMSE beside the noise floor."""
    found = []
    for row in rows:
        rmse = Estimate(row["value"], row["low"], row["high"], row["n"])
        above = above_floor(rmse, floor)
        ratio = None if floor is None or rmse.value is None else rmse.value / floor.value
        found.append(
            {
                "model": f"{row['model_id']} {row['model_version']}",
                "RMSE": rmse.value,
                "pairs": rmse.n,
                "÷ floor": ratio,
                "above the floor": None if above is None else ("yes" if above else "not shown"),
            }
        )
    return found


def as_record(
    assay: str,
    repeats: Repeats,
    replicates: int,
    models: Sequence[Row],
    controls: Sequence[ControlStanding],
) -> dict[str, Any]:
    """Return all of it for another program."""
    sd, msr = repeats.measurement_sd(), repeats.minimum_significant_ratio()
    floor = noise_floor(sd, replicates)
    return {
        "assay_id": assay,
        "molecules_measured_again": repeats.n,
        "measurement_sd": sd._asdict(),
        "minimum_significant_ratio": msr._asdict(),
        "mean_ratio": repeats.mean_ratio()._asdict(),
        "noise_floor": floor and floor.value,
        "models": [dict(row) for row in models],
        "controls": [
            {
                "molecule_id": each.molecule_id,
                "target": each.target and {"mean": each.target[0], "sd": each.target[1]},
                "missing": each.missing,
                "results": [
                    {"measured_at": at, **charted._asdict()}
                    for at, charted in zip(each.times, each.charted, strict=True)
                ],
            }
            for each in controls
        ],
    }


def sentences(repeats: Repeats, replicates: int) -> list[str]:
    """Return how the assay repeats itself in words."""
    sd, msr = repeats.measurement_sd(), repeats.minimum_significant_ratio()
    if sd.value is None:
        return [f"How well it repeats itself is not known: {sd.reason}."]
    found = [
        f"{repeats.n} molecules were measured again in another run: SD of a measurement "
        f"{sd.value:.3g} (95 % interval {sd.low:.3g} to {sd.high:.3g})."
    ]
    if msr.value is not None:
        found.append(
            f"Minimum significant ratio {msr.value:.3g} ({msr.low:.3g} to {msr.high:.3g}): results "
            "further apart than this ratio differ."
        )
    floor = noise_floor(sd, replicates)
    if floor is not None:
        found.append(f"No model can be expected to have an RMSE below {floor.value:.3g}.")
    return found


def drawn(standing: ControlStanding, width: int) -> str | None:
    """Return the Levey-Jennings chart of a control in SD from its target; None without results."""
    import plotext

    shown = [(i, c) for i, c in enumerate(standing.charted) if c.score is not None]
    if not shown:
        return None
    plotext.clear_figure()
    plotext.plotsize(width, LINES)
    plotext.theme("clear")
    plotext.ylim(-EDGE_SD, EDGE_SD)
    for level in LIMITS_SD:
        marker = "─" if level == 0 else "╌"
        plotext.plot([0, max(len(standing.charted) - 1, 1)], [level, level], marker=marker)
    for rejected, name, marker in ((False, "results", "·"), (True, "breaks a rule", "●")):
        places = [(i, c.score) for i, c in shown if bool(c.rejected_by) is rejected]
        if places:
            scores = [max(-EDGE_SD, min(EDGE_SD, score or 0.0)) for _, score in places]
            plotext.scatter([i for i, _ in places], scores, label=name, marker=marker)
    ends = sorted({shown[0][0], shown[-1][0]})
    plotext.xticks(ends, [str(standing.times[i])[:10] for i in ends])
    plotext.title(f"{standing.molecule_id}: SD from the target, limits at 2 and 3")
    plotext.yticks(sorted(LIMITS_SD))
    picture: str = plotext.uncolorize(plotext.build())
    return picture.rstrip()


def control_words(standing: ControlStanding) -> list[str]:
    """Return what a control's chart says, newest breach last."""
    name = standing.molecule_id
    if standing.target is None:
        return [f"control {name}: {standing.missing}."]
    mean, sd = standing.target
    broken = [
        f"  {str(at)[:16]}  {', '.join(charted.rejected_by)} ({charted.score:+.1f} SD)"
        for at, charted in zip(standing.times, standing.charted, strict=True)
        if charted.rejected_by
    ]
    count = len(broken)
    found = f"control {name}: {len(standing.charted)} results, target {mean:.4g} with SD {sd:.3g}, "
    if not broken:
        return [found + "no Westgard rule is broken."]
    return [f"{found}{count} break{'s' if count == 1 else ''} a Westgard rule:", *broken[-10:]]
