"""The Levey-Jennings chart of one control compound in one assay.

A run is one instrument's results of one UTC day. The chart follows the log in its order; runs may
come interleaved. Reference: S. Levey, E. R. Jennings (1950), The use of control charts in the
clinical laboratory, American Journal of Clinical Pathology 20, 1059-1066.
"""

import math
from typing import NamedTuple

from processors.assay.control_target import LEARN_RESULTS_MIN, Target, learn_target
from processors.assay.westgard import WARNING, Tally, broken_rules, rules_for
from processors.options import DAY_US

# A result of a run older than the last so many counts as the first of a run.
RUNS_MAX = 16


class Charted(NamedTuple):
    """What the chart makes of one result.

    `score` is in SD from the target, None while learning. `rejected_by` are the rules that this
    result completes, `warned_by` is ("1_2s",) or empty.
    """

    score: float | None
    warned_by: tuple[str, ...]
    rejected_by: tuple[str, ...]


class _Run(NamedTuple):
    instrument: str | None
    day: int
    tally: Tally


class ChartState(NamedTuple):
    """All that a chart keeps: a few numbers, whatever the number of results."""

    target: Target | None = None
    learning: tuple[float, ...] = ()
    missing: str | None = None
    all_runs: Tally = Tally()
    runs: tuple[_Run, ...] = ()


class ControlChart:
    """Takes a control's results one by one.

    `stated` is the lab's own target, None to learn it from the first `learn_results` results;
    `controls_per_run` chooses the rules (`westgard.rules_for`). Raises SettingsError for fewer than
    one control per run, and for `learn_results` that are not 20 to 1,000.

    >>> chart = ControlChart(Target(10.0, 0.5))
    >>> chart.update(11.2, "reader-1", 0)
    Charted(score=2.3999999999999986, warned_by=('1_2s',), rejected_by=())
    >>> chart.update(11.1, "reader-1", 60_000_000).rejected_by
    ('2_2s',)
    >>> ControlChart(None).missing
    'the control compound is learning: it has 0 of the 20 results needed; or state its mean and SD'
    """

    def __init__(
        self,
        stated: Target | None,
        controls_per_run: int = 2,
        learn_results: int = LEARN_RESULTS_MIN,
    ) -> None:
        rules_for(controls_per_run)
        learn_target((), learn_results)
        self._stated = stated
        self._controls_per_run = controls_per_run
        self._learn_results = learn_results
        self.state = ChartState()

    @property
    def target(self) -> Target | None:
        """The target charted against, the stated one first; None while learning."""
        return self._stated or self.state.target

    @property
    def missing(self) -> str | None:
        """What is missing for a chart, as a sentence; None when results are charted."""
        if self.target is not None:
            return None
        missing = (
            self.state.missing or learn_target(self.state.learning, self._learn_results).missing
        )
        return f"the control compound is learning: {missing}; or state its mean and SD"

    def update(self, value: float, instrument: str | None, at: int | None) -> Charted:
        """Take one result, in the unit of the target, measured at `at` (microseconds).

        A result without a time is a run of its own; one that is not finite is left out. Cost does
        not grow with the number of results.

        >>> ControlChart(Target(0.0, 1.0)).update(3.5, None, None).rejected_by
        ('1_3s',)
        """
        if not math.isfinite(value):
            return Charted(None, (), ())
        if self.target is None:
            self._learn(value)
            return Charted(None, (), ())
        score = self.target.score(value)
        run = self._run(score, instrument, at)
        all_runs = self.state.all_runs.with_result(score)
        self.state = self.state._replace(all_runs=all_runs)
        warned = (WARNING,) if abs(score) > 2 else ()
        return Charted(score, warned, broken_rules(score, run, all_runs, self._controls_per_run))

    def _learn(self, value: float) -> None:
        found = learn_target([*self.state.learning, value], self._learn_results)
        # That the first results were constant is told until enough new ones have come.
        constant = found.missing is not None and not found.kept
        told = found.missing if constant else self.state.missing
        self.state = ChartState(
            found.target, tuple(found.kept), None if found.target is not None else told
        )

    def _run(self, score: float, instrument: str | None, at: int | None) -> Tally:
        if at is None:
            return Tally().with_result(score)
        day = at // DAY_US
        others, tally = [], Tally()
        for run in self.state.runs:
            if (run.instrument, run.day) == (instrument, day):
                tally = run.tally
            else:
                others.append(run)
        tally = tally.with_result(score)
        runs = [*others, _Run(instrument, day, tally)][-RUNS_MAX:]
        self.state = self.state._replace(runs=tuple(runs))
        return tally
