"""The errors around an alert's onset, as a picture of characters."""

from collections.abc import Sequence
from statistics import fmean, quantiles

from streams.alerts.rows import Evidence, Result

LINES = 16
LIMIT_SD = 3.0
# Wrong and right labels are 1 and 0; their share is what can be looked at.
RATE_RESULTS = 20
# An error further out than so many quartile distances is drawn at the edge.
FENCE = 4.0
TICKS = 4


def chart(evidence: Evidence, factor: str | None, width: int) -> str | None:
    """Return the picture in `width` columns, without colours; None when there is nothing to draw.

    Drawn are the errors in the order of measurement, those with the `factor` apart, the mean of
    those before the onset, 3 standard deviations to each side of it, and where the change began.
    """
    import plotext

    results = [*evidence.before, *evidence.since]
    if len(results) < 2:
        return None
    errors = _rates(results) if evidence.labels else [result.error for result in results]
    low, high = _span(errors, evidence)
    plotext.clear_figure()
    plotext.plotsize(width, LINES)
    plotext.theme("clear")
    plotext.ylim(low, high)
    shown = [min(max(error, low), high) for error in errors]
    onset = len(evidence.before)
    chosen = [i >= onset and factor is not None and r.affected for i, r in enumerate(results)]
    groups = ((False, "others" if factor else "results", "·"), (True, f"{factor}, since", "●"))
    for which, name, marker in groups:
        places = [i for i, is_chosen in enumerate(chosen) if is_chosen is which]
        if places:
            plotext.scatter(places, [shown[i] for i in places], label=name, marker=marker)
    _lines(evidence, onset, len(results))
    places = sorted({round(i * (len(results) - 1) / (TICKS - 1)) for i in range(TICKS)})
    plotext.xticks(places, [f"{results[i].measured_at:%Y-%m-%d}" for i in places])
    plotext.title(_title(evidence))
    picture: str = plotext.build()
    outside = sum(not low <= error <= high for error in errors)
    told = f"\n{outside} of {len(errors)} lie outside the picture, at its edge" if outside else ""
    return f"{picture.rstrip()}{told}"


def caption(evidence: Evidence) -> str:
    """Return what the lines of the picture are."""
    if evidence.mean is None:
        return "too few results before the change for a mean and limits"
    what = "│ where the change began" if evidence.since else "no result since"
    mean = f"─ mean of the {evidence.n} results before, {evidence.mean:+.3g}"
    return f"{mean}; ╌ {LIMIT_SD:g} SD to each side; {what}"


def _lines(evidence: Evidence, onset: int, count: int) -> None:
    import plotext

    if evidence.mean is not None:
        for shift in (0.0, -LIMIT_SD, LIMIT_SD):
            level = evidence.mean + shift * _sd(evidence)
            plotext.plot([0, count - 1], [level, level], marker="─" if shift == 0 else "╌")
    if 0 < onset < count:
        plotext.vline(onset - 0.5)


def _title(evidence: Evidence) -> str:
    if evidence.labels:
        what = f"share of wrong labels in {RATE_RESULTS} results"
    else:
        what = f"prediction − outcome{f', {evidence.unit}' if evidence.unit else ''}"
    return what


def _rates(results: Sequence[Result]) -> list[float]:
    errors = [result.error for result in results]
    return [fmean(errors[max(0, i - RATE_RESULTS + 1) : i + 1]) for i in range(len(errors))]


def _sd(evidence: Evidence) -> float:
    sd = evidence.sd or 0.0
    return sd / RATE_RESULTS**0.5 if evidence.labels else sd


def _span(errors: Sequence[float], evidence: Evidence) -> tuple[float, float]:
    """Return what is drawn: all errors but those far out, and the limits."""
    if evidence.labels:
        return 0.0, 1.0
    first, _, third = quantiles(errors, n=4)
    room = FENCE * (third - first)
    near = [e for e in errors if first - room <= e <= third + room] or list(errors)
    low, high = min(near), max(near)
    if evidence.mean is not None:
        reach = LIMIT_SD * _sd(evidence) * 1.05
        low, high = min(low, evidence.mean - reach), max(high, evidence.mean + reach)
    margin = (high - low) * 0.03 or 1.0
    return low - margin, high + margin
