"""What was judged as the cause of an alert, as a table."""

from rich.table import Table
from rich.text import Text

from processors.alerts.factors import level_of
from processors.alerts.sentences import named
from schemas.events import Alert, FactorEffect
from streams.alerts.words import printable, signed

SHOWN_MAX = 6


def factor_table(alert: Alert) -> Table | None:
    """Return an alert's factors, the causes first, SHOWN_MAX of them; None without any."""
    if not alert.factors:
        return None
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("judged as the cause")
    for heading in ("moved, SD", "95 % interval", "results", "adjusted p"):
        table.add_column(heading, justify="right")
    for each in alert.factors[:SHOWN_MAX]:
        name = named(each[:2])
        if each.aliased_with:
            others = [named(level_of(text)) for text in each.aliased_with]
            name += f" (or {' or '.join(others)})"
        table.add_row(
            Text(f"{'●' if each.is_cause else '·'} {printable(name)}"),
            "unknown" if each.effect_sd is None else signed(each.effect_sd),
            _interval(each),
            str(each.n),
            f"{each.adjusted_p:.1g}",
            style="" if each.is_cause else "dim",
        )
    left = len(alert.factors) - SHOWN_MAX
    if left > 0:
        table.add_row(Text(f"  and {left} more in --json", "dim"))
    return table


def _interval(each: FactorEffect) -> str:
    if each.effect_low is None or each.effect_high is None:
        return ""
    return f"{signed(each.effect_low)} to {signed(each.effect_high)}"
