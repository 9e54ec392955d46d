"""What a lab may choose about the core."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from processors.alerts.rule import Rule
from processors.controls import Control
from schemas.topics import canonical

# The part of the budget that each detector may spend. They sum to 1: the alerts of several charts
# on the same results overlap, and nothing is left over for those.
DETECTORS: Mapping[str, float] = MappingProxyType(
    {"cusum": 0.8, "spread": 0.1, "kolmogorov_smirnov": 0.1}
)
DAY_US = 24 * 3600 * 1_000_000


class Options(NamedTuple):
    """Choices of the join and the monitor.

    `retention_days` is how long after a prediction an outcome may be measured and still pair with
    it; `retention_days_by_assay` overrides it for single assays. What both sides keep beyond that
    is `slack_days`. Windows of metrics hold the last `window_pairs` pairs, and the last
    `window_days` days up to the newest pair. `rules` are the lab's own, beside the charts; a model
    whose predictions nobody answers for `no_labels_after_days` is not called healthy. `controls`
    are the compounds whose results are known: they are kept out of accuracy, and tell a shift of
    the assay from one of the model.

    `false_alarms_per_model_year` is the budget of false alerts of one model version in one assay,
    all series and detectors together, in a year of `pairs_per_model_year` pairs; `detectors` says
    which spend what part of it. A series is learning until `baseline_results` results of closed
    runs are there.
    """

    retention_days: int = 400
    retention_days_by_assay: Mapping[str, int] = MappingProxyType({})
    slack_days: int = 30
    window_pairs: tuple[int, ...] = (50, 200)
    window_days: tuple[int, ...] = (30,)
    no_labels_after_days: int = 14
    rules: tuple[Rule, ...] = ()
    controls: tuple[Control, ...] = ()
    false_alarms_per_model_year: float = 0.2
    pairs_per_model_year: int = 5_000
    detectors: Mapping[str, float] = DETECTORS
    baseline_results: int = 50

    @property
    def false_alarms_per_pair(self) -> float:
        """How many false alarms one pair may raise.

        >>> Options().false_alarms_per_pair
        4e-05
        """
        return self.false_alarms_per_model_year / self.pairs_per_model_year

    def retention_us(self, assay_id: str) -> int:
        """Return the retention of an assay in microseconds.

        >>> Options(retention_days_by_assay={"logP": 2}).retention_us("logP") == 2 * DAY_US
        True
        """
        if not self.retention_days_by_assay:
            return self.retention_days * DAY_US
        days = self.retention_days_by_assay.get(canonical(assay_id), self.retention_days)
        return days * DAY_US


DEFAULTS = Options()
