"""Westgard's rules on control results in SD from their target.

| rule | is broken by |
|---|---|
| 1_2s | a result beyond 2 SD: a warning, never a rejection |
| 1_3s | a result beyond 3 SD |
| 2_2s | two results of a run beyond 2 SD on the same side |
| R_4s | two results of a run, one above +2 SD and one below −2 SD |
| 4_1s | four results in a row beyond 1 SD on the same side, within a run |
| 10_x | ten results in a row on one side of the target, over all runs |

With one control a run 2_2s and 4_1s look at results in a row over all runs, and there is no R_4s.
A result on a limit is within it. References: J. O. Westgard, P. L. Barry, M. R. Hunt, T. Groth
(1981), A multi-rule Shewhart chart for quality control in clinical chemistry, Clinical Chemistry
27, 493-501; CLSI C24.
"""

from typing import NamedTuple

from schemas.errors import SettingsError

WARNING = "1_2s"
# The more controls a run has, the more of the rules that find a shift are worth their rejections.
RULES_BY_CONTROLS = {
    1: ("1_3s", "2_2s", "4_1s", "10_x"),
    2: ("1_3s", "2_2s", "R_4s", "10_x"),
    4: ("1_3s", "2_2s", "R_4s", "4_1s", "10_x"),
}


def rules_for(controls_per_run: int) -> tuple[str, ...]:
    """Return the rejection rules for a number of controls per run.

    Raises SettingsError for fewer than one.

    >>> rules_for(3)
    ('1_3s', '2_2s', 'R_4s', '10_x')
    """
    if controls_per_run < 1:
        raise SettingsError(
            f"controls_per_run is {controls_per_run}; give the number of control results that a "
            "run has, 1 or more."
        )
    return RULES_BY_CONTROLS[max(n for n in RULES_BY_CONTROLS if n <= controls_per_run)]


class Tally(NamedTuple):
    """What the rules need to know of earlier results, of one run or of all.

    `above` and `below` count results beyond ±2 SD; the others are the lengths of the rows that the
    last result ends, positive above the target and negative below.
    """

    above: int = 0
    below: int = 0
    row_2s: int = 0
    row_1s: int = 0
    row: int = 0

    def with_result(self, score: float) -> "Tally":
        """Return the tally after one more result, in SD from the target.

        >>> Tally().with_result(2.5).with_result(-0.5)
        Tally(above=1, below=0, row_2s=0, row_1s=0, row=-1)
        """
        return Tally(
            self.above + (score > 2),
            self.below + (score < -2),
            _row(self.row_2s, score, 2),
            _row(self.row_1s, score, 1),
            _row(self.row, score, 0),
        )


def _row(length: int, score: float, limit: float) -> int:
    if score > limit:
        return max(length, 0) + 1
    if score < -limit:
        return min(length, 0) - 1
    return 0


def broken_rules(
    score: float, run: Tally, all_runs: Tally, controls_per_run: int
) -> tuple[str, ...]:
    """Return the rejection rules that a result completes.

    `score` is the result in SD from its target; `run` and `all_runs` hold it already. Raises
    SettingsError for fewer than one control per run.

    >>> run = Tally().with_result(2.5).with_result(2.1)
    >>> broken_rules(2.1, run, run, 2)
    ('2_2s',)
    """
    rows = all_runs if controls_per_run == 1 else run
    same_side = abs(rows.row_2s) if controls_per_run == 1 else run.above if score > 0 else run.below
    broken = {
        "1_3s": abs(score) > 3,
        "2_2s": abs(score) > 2 and same_side >= 2,
        "R_4s": abs(score) > 2 and min(run.above, run.below) >= 1,
        "4_1s": abs(rows.row_1s) >= 4,
        "10_x": abs(all_runs.row) >= 10,
    }
    return tuple(rule for rule in rules_for(controls_per_run) if broken[rule])
