"""How often assay, model and chemistry are told apart, by simulated changes of 1.5 SD.

    python benchmarks/assay_verdict.py                 every setting, 400 runs each
    python benchmarks/assay_verdict.py --runs 100 --json

A model version with 5 or 20 features has 200 pairs before the change (the first 100 molecules are
its reference) and 60 since; the control has 20 results before, which its target is learnt from, and
20 since. One SD is that of the errors before. At `assay part` 1 all of it is the assay's noise, so
that a control result is as noisy as an error; the rest is an error of the model.

- assay: every outcome since the change reads 1.5 SD higher, those of the control, too.
- model: every prediction since the change reads 1.5 SD higher; molecules and control as before.
- chemistry: the molecules since the change come from elsewhere, `away` SD further in half of the
  features, and there the model reads 1.5 SD higher. The true value is a linear function of the
  features (SD 2 among the molecules before), so that it moves with them. Control as before.
- none: nothing changes (what is blamed then would be blamed wrongly).

With an intraclass correlation results of one run share it; runs have 20 pairs and 2 controls. `part
foreign` is the part of molecules since a change of chemistry that come from elsewhere; then the
mean error moves by that part of 1.5 SD.
"""

import json
from collections import Counter
from typing import NamedTuple

import click
import numpy as np
import numpy.typing as npt

from processors.assay.control_target import learn_target, stated_target
from processors.assay.domain import Domain
from processors.assay.mean_shift import ControlResults
from processors.assay.verdict import ASSAY, CHEMISTRY, MODEL, Judged, blame

Numbers = npt.NDArray[np.float64]

SHIFT_SD, VALUE_SD = 1.5, 2.0
BEFORE, SINCE, CONTROLS_BEFORE = 200, 60, 20
NONE = "none"


class Setting(NamedTuple):
    """What is varied; `controls` is the number since the change."""

    features: int = 5
    away: float = 3.0
    assay_part: float = 1.0
    controls: int = 20
    stated: bool = False
    correlation: float = 0.0
    part_foreign: float = 1.0
    features_known: bool = True
    since: int = SINCE


SETTINGS = {
    "5 features": Setting(),
    "20 features": Setting(features=20),
    "nearer: 2 SD away": Setting(away=2.0),
    "half of the error is the model's": Setting(assay_part=0.5),
    "stated target": Setting(stated=True),
    "10 controls, 30 pairs": Setting(controls=10, since=30),
    "intraclass correlation .3": Setting(correlation=0.3),
    "half of the molecules foreign": Setting(part_foreign=0.5),
    "no features": Setting(features_known=False),
    "no controls": Setting(controls=0),
    "no controls, no features": Setting(controls=0, features_known=False),
}


def _noise(rng: np.random.Generator, runs: Numbers, correlation: float) -> Numbers:
    shared = rng.normal(size=int(runs.max()) + 1 if runs.size else 1)
    own = rng.normal(size=runs.size)
    return np.sqrt(correlation) * shared[runs.astype(int)] + np.sqrt(1 - correlation) * own


def verdict_of(cause: str, setting: Setting, rng: np.random.Generator) -> str:
    """Simulate one change by `cause` and return what is blamed."""
    total, p = BEFORE + setting.since, setting.features
    changed = np.arange(total) >= BEFORE
    x = rng.normal(size=(total, p))
    foreign = changed & (rng.random(total) < setting.part_foreign) & (cause == CHEMISTRY)
    x[foreign, : (p + 1) // 2] += setting.away
    weights = rng.normal(size=p)
    truth = x @ weights * VALUE_SD / np.linalg.norm(weights)
    predicted = truth + np.sqrt(1 - setting.assay_part) * rng.normal(size=total)
    predicted += SHIFT_SD * (foreign | (changed & (cause == MODEL)))
    # Pairs and controls of a run share its shift; ten controls go with a hundred pairs.
    runs = np.concatenate([np.arange(total) // 20, _control_runs(setting)])
    noise = np.sqrt(setting.assay_part) * _noise(rng, runs, setting.correlation)
    late = np.concatenate([changed, np.arange(CONTROLS_BEFORE + setting.controls) >= 20])
    noise += SHIFT_SD * late * (cause == ASSAY)
    measured, controls = truth + noise[:total], 10.0 + noise[total:]
    domain = Domain()
    ranks = [
        domain.update(str(i), dict(zip(map(str, range(p)), row, strict=True))).rank
        for i, row in enumerate(x.tolist() if setting.features_known else [])
    ] or [None] * total
    pairs = [
        Judged(float(made - found), rank, float(made), float(found))
        for made, found, rank in zip(predicted, measured, ranks, strict=True)
    ]
    target = stated_target(10.0, float(np.sqrt(setting.assay_part)))
    if not setting.stated:
        learnt = learn_target(controls[:CONTROLS_BEFORE].tolist()).target
        # An outlier among the first is left out, and the target waits for another result.
        target = learnt or target
    since = controls[CONTROLS_BEFORE:].tolist()
    held = [ControlResults(target, since)] if since else []
    return blame(pairs[BEFORE:], pairs[:BEFORE], held).blamed


def _control_runs(setting: Setting) -> Numbers:
    before = np.arange(CONTROLS_BEFORE) // 2
    first = BEFORE // 20
    since = first + np.arange(setting.controls) // 2 % max(1, setting.since // 20)
    return np.concatenate([before, since]).astype(float)


def told(setting: Setting, runs: int, seed: int) -> dict[str, Counter[str]]:
    """Return by cause how often each is blamed."""
    rng = np.random.default_rng(seed)
    return {
        cause: Counter(verdict_of(cause, setting, rng) for _ in range(runs))
        for cause in (ASSAY, MODEL, CHEMISTRY, NONE)
    }


@click.command(help=__doc__)
@click.option("--runs", default=400, show_default=True, help="Simulated changes by cause.")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def main(runs: int, seed: int, as_json: bool) -> None:
    """Print by setting and cause how often which is blamed, in percent."""
    found = {name: told(setting, runs, seed) for name, setting in SETTINGS.items()}
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, causes in found.items():
        click.echo(name)
        for cause, counts in causes.items():
            parts = ", ".join(f"{100 * n / runs:.1f} {word}" for word, n in counts.most_common())
            click.echo(f"  {cause:<10} {parts}")


if __name__ == "__main__":
    main()
