"""Runs: results that were measured together and share what happened then."""

DAY_US = 24 * 3600 * 1_000_000

Run = tuple[str, int]


def run_of(instrument: str | None, at: int | None) -> Run | None:
    """Return the run of a result measured at `at` (microseconds): its instrument and UTC day.

    None, a run of its own, when the time is not stated.

    >>> run_of("LC-1", 86_400_000_000 + 5), run_of(None, 5), run_of("LC-1", None)
    (('LC-1', 1), ('', 0), None)
    """
    return None if at is None else (instrument or "", at // DAY_US)
