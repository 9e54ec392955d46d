"""What a lab may choose about the core."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from processors.alerts.rule import Rule
from schemas.topics import canonical

DAY_US = 24 * 3600 * 1_000_000


class Options(NamedTuple):
    """Choices of the join and the monitor.

    `retention_days` is how long after a prediction an outcome may be measured and still pair with
    it; `retention_days_by_assay` overrides it for single assays. What both sides keep beyond that
    is `slack_days`. Windows of metrics hold the last `window_pairs` pairs, and the last
    `window_days` days up to the newest pair. `rules` are the lab's own, beside the charts; a model
    whose predictions nobody answers for `no_labels_after_days` is not called healthy.
    """

    retention_days: int = 400
    retention_days_by_assay: Mapping[str, int] = MappingProxyType({})
    slack_days: int = 30
    window_pairs: tuple[int, ...] = (50, 200)
    window_days: tuple[int, ...] = (30,)
    no_labels_after_days: int = 14
    rules: tuple[Rule, ...] = ()

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
