"""Rules on windows that do not overlap: one number per window, compared with a limit."""

from collections.abc import Callable, Iterator, Sequence

from benchmarks.drift.streams import Stream

Scores = list[tuple[int, float]]
EVIDENTLY_WINDOW_PAIRS = 50


def scores(stream: Stream, pairs: int, score: Callable[[Sequence[float]], float]) -> Scores:
    """Return the last place and the score of each full window after the baseline."""
    return [
        (start + pairs - 1, score(stream.errors[start : start + pairs]))
        for start in range(stream.baseline, len(stream.errors) - pairs + 1, pairs)
    ]


def evidently(name: str) -> Callable[[Stream], Scores]:
    """Return what scores windows against the baseline by a stat test of Evidently's."""

    def prepare(stream: Stream) -> Scores:
        import pandas as pd
        from evidently.legacy.calculations.stattests import get_stattest
        from evidently.legacy.core import ColumnType

        reference = pd.Series(stream.errors[: stream.baseline])
        test = get_stattest(reference, reference, ColumnType.Numerical, name)

        def score(window: Sequence[float]) -> float:
            result = test(reference, pd.Series(window), ColumnType.Numerical, None)
            return float(result.drift_score)

        return scores(stream, EVIDENTLY_WINDOW_PAIRS, score)

    return prepare


def below(found: Scores, limit: float) -> Iterator[int]:
    """Yield the windows whose p-value is below the limit."""
    return (place for place, score in found if score < limit)


def at_least(found: Scores, limit: float) -> Iterator[int]:
    """Yield the windows whose distance reaches the limit."""
    return (place for place, score in found if score >= limit)
