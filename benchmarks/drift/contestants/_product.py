"""This project's watches and alert on a stream."""

from collections.abc import Iterator

from benchmarks.drift.streams import Stream


def as_it_is(stream: Stream) -> Stream:
    """Return the stream."""
    return stream


def opened(stream: Stream, budget: float, by_lot: bool) -> Iterator[int]:
    """Yield where alerts open with a budget of false alarms per model-year.

    By lot the baseline is of as many results as by default, for each lot and for all.
    """
    from benchmarks.watched_model import WatchedModel, record
    from processors.options import Options

    options = Options(false_alarms_per_model_year=budget)
    if not by_lot:
        options = options._replace(baseline_results=stream.baseline)
    model = WatchedModel(options, explains=by_lot)
    pairs = zip(stream.errors, stream.runs, stream.lots, strict=True)
    for place, (error, run, lot) in enumerate(pairs):
        batch = f"LOT-{lot}" if by_lot else None
        if model.take(record(error, run, (batch, None, None, None))):
            yield place
