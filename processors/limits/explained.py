"""The limits of a model version's charts, and what they follow from."""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from processors.options import Options
from processors.run_moments import Baseline
from processors.series import Scored, SeriesName, series_of
from processors.series_watches import look
from processors.watch import Watch


class SeriesLimits(NamedTuple):
    """One series: what it is held against, and what its detectors make of it.

    `state` is learning, watched, or whole (all pairs are in the series, so the model version's own
    chart says the same); `missing` says what a learning one lacks. `own_baseline` is false where
    the series came up later and is held against the model version. `mean` and `sd` are those of the
    first errors of what it is held against, in the unit of the pairs, None for fewer than two.
    `limits` gives limit and strength by detector. `pairs_to_see_1_sd` is about how many pairs a
    shift of the mean error by one SD takes to be told, None while there is no limit.
    """

    name: SeriesName
    state: str
    missing: str | None
    pairs: int
    own_baseline: bool
    baseline: Baseline | None
    mean: float | None
    sd: float | None
    limits: dict[str, tuple[float | None, float]]
    pairs_to_see_1_sd: float | None


class _Held:
    """A series as `look` wants it."""

    def __init__(self, name: SeriesName, options: Options) -> None:
        self.n = 0
        self.first_errors: list[float] = []
        whole = name.field is None
        self.watch = Watch(
            options.detectors, baseline_results=options.baseline_results, whole=whole
        )


def explained(records: Sequence[Scored], options: Options) -> list[SeriesLimits]:
    """Return the limits after scored pairs of one model version, in the order of its log.

    >>> day = 86_400_000_000
    >>> def at(i): return Scored("1", i * day, (None,) * 4, float(i % 5), 0.0, None, None, None)
    >>> (found,) = explained([at(i) for i in range(300)], Options())
    >>> found.state, found.pairs, round(found.limits["cusum"][0], 1), found.pairs_to_see_1_sd < 30
    ('watched', 300, 9.4, True)
    """
    held: dict[SeriesName, _Held] = {}
    for record in records:
        own = {}
        for name in series_of(record):
            own[name] = held.setdefault(name, _Held(name, options))
            own[name].n += 1
            if record.error is not None and own[name].n <= options.baseline_results:
                own[name].first_errors.append(record.error)
        look(own, record, False, 0, options)
    whole = next((each for name, each in held.items() if name.field is None), None)
    return [] if whole is None else [_of(name, each, whole) for name, each in held.items()]


def _of(name: SeriesName, held: _Held, whole: _Held) -> SeriesLimits:
    watch = held.watch
    on_whole = watch.on_whole
    baseline = whole.watch.baseline if on_whole else watch.baseline
    missing = whole.watch.missing if on_whole else watch.missing
    errors = whole.first_errors if on_whole else held.first_errors
    enough = len(errors) >= 2
    state = "watched" if missing is None else "learning"
    if held is not whole and held.n == whole.n:
        state = "whole"
    limits = watch.standing() if state == "watched" else {}
    cusum, _ = limits.get("cusum", (None, 0.0))
    return SeriesLimits(
        name=name,
        state=state,
        missing=missing,
        pairs=held.n,
        own_baseline=not on_whole,
        baseline=baseline,
        mean=fmean(errors) if enough else None,
        sd=stdev(errors) if enough else None,
        limits=limits,
        pairs_to_see_1_sd=None if cusum is None or baseline is None else _pairs(cusum, baseline),
    )


def _pairs(limit: float, baseline: Baseline) -> float:
    """Return about how many pairs the chart takes from zero to its limit when all is 1 SD off."""
    size = max(1, round(baseline.run_size))
    return limit / (baseline.precision(size).gain ** 2 / 2 / size)
