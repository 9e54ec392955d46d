"""The demo on a terminal: pairs, accuracy and drift as they move, then the alert and a chart."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streams.demo.follow import Follower, Point
from streams.demo.story import LOTS, MODEL_ID, MODEL_VERSION, UNIT, Story
from streams.show_rows import alert_panel

WINDOW = "last:50"
CHART_COLUMNS, CHART_LINES = 76, 14
BAR_CELLS = 12
# Mean errors are drawn on a scale of this many units to each side.
BAR_UNITS = 3.0


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _lean(value: float | None) -> Text:
    """Draw a mean error as a bar that leans left (reads low) or right (reads high)."""
    if value is None:
        return Text(" " * BAR_CELLS + "│")
    cells = min(BAR_CELLS, round(abs(value) / BAR_UNITS * BAR_CELLS))
    left = "█" * cells if value < 0 else ""
    right = "█" * cells if value >= 0 else ""
    style = "red" if abs(value) >= 1 else "green"
    return Text.assemble((left.rjust(BAR_CELLS), style), "│", (right.ljust(BAR_CELLS), style))


def headline(story: Story) -> str:
    """Return what is real in the demo and what is not."""
    turn = f"{story.turned_at:%Y-%m-%d %H:%M} UTC"
    bad = (
        f"from {turn} on, lot {story.bad_lot} reads {story.shift_sd:g} SD too high"
        if story.shift_sd
        else "no lot goes bad (--shift 0)"
    )
    return (
        f"Real: {len(story.predictions)} calculated and {len(story.outcomes)} measured hydration "
        f"free energies (FreeSolv).\nSimulated: lots, instruments, operators, times; {bad}."
    )


def _accuracy(follower: Follower) -> Table:
    table = Table(title=f"Mean error, prediction − outcome, {UNIT}, {WINDOW}", title_justify="left")
    for name in ("", "n", "RMSE", "mean error"):
        table.add_column(name, justify="right" if name else "left")
    table.add_column("reads low │ reads high", justify="center")
    rows: list[tuple[str, str | None]] = [("all", None), *((lot, lot) for lot in LOTS)]
    for title, lot in rows:
        ask = follower.whole if lot is None else (lambda w, m, lot=lot: follower.of_lot(lot, w, m))
        n, error = ask("all", "n"), ask(WINDOW, "me")
        table.add_row(
            title, f"{n or 0:.0f}", _plain(ask(WINDOW, "rmse")), _number(error), _lean(error)
        )
    return table


def chart(curves: Mapping[str, Sequence[Point]], lot: str, width: int) -> Text:
    """Return the running mean error of one lot beside the other lots together."""
    import plotext

    plotext.clear_figure()
    plotext.plotsize(min(width, CHART_COLUMNS), CHART_LINES)
    plotext.theme("clear")
    others = sorted(p for name, points in curves.items() if name != lot for p in points)
    for name, points, marker in (("other lots", others, "·"), (lot, curves.get(lot, []), "●")):
        places = [p.place for p in points]
        plotext.scatter(places, [p.mean_error for p in points], label=name, marker=marker)
    plotext.xlabel("pairs so far")
    plotext.title(f"mean error of the last 15 results of a lot, {UNIT}")
    return Text.from_ansi(plotext.build())


def screen(story: Story, follower: Follower, sent: int) -> RenderableType:
    """Return the picture of the moment; `sent` outcomes were sent so far."""
    pairs = len(follower.pair_ids)
    progress = Table.grid(padding=(0, 2))
    progress.add_row(
        f"{MODEL_ID} {MODEL_VERSION}",
        ProgressBar(total=len(story.outcomes), completed=pairs, width=40),
        f"{pairs} pairs of {sent} outcomes sent",
    )
    parts: list[RenderableType] = [headline(story), progress, _accuracy(follower)]
    parts += [alert_panel(a.state, a.reason) for a in follower.alerts.values()]
    return Group(*parts)
