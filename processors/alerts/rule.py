"""A lab's own rules: "recall below .80 in two consecutive weeks", "drift in 3 features"."""

from collections.abc import Collection, Sequence
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import NamedTuple

from processors.assay.noise_floor import stated_floor
from schemas.errors import SettingsError
from schemas.events import CONTEXT_FIELDS, SEVERITIES
from schemas.topics import canonical

ANY = "*"
KINDS = ("metric", "drift_in_features", "minimum_significant_ratio", "controls_per_run")
BOUNDS = ("interval", "value")
DAYS_MAX, PERIODS_MAX = 3_650, 52
_WINDOW = "days:"


class Rule(NamedTuple):
    """When an alert is wanted, whatever the charts say.

    Either `metric` is `below` or `above` a limit in `periods` consecutive periods of `window`
    ("days:N", which follow each other and begin on Mondays where N is whole weeks), or at least
    `drift_in_features` features drift, or numbers in log10 units err by more than the noise of an
    assay of `minimum_significant_ratio` explains, or a control compound breaks those of Westgard's
    rules that suit so many `controls_per_run`. `assay_id` "*" and a `model_id` of None mean
    every one. A period counts with `minimum_n` results that the metric rests on (for recall:
    positives) and `minimum_positives` measured positives. `bound` "interval" wants the whole 95 %
    interval beyond the limit, "value" the figure alone. With a `segment_field` each of its values
    is judged by itself.

    >>> rule = Rule("weekly recall", metric="recall", below=0.8, periods=2)
    >>> rule.days, rule.concerns("net", "hERG"), rule.text
    (7, True, 'recall below 0.8')
    """

    name: str
    assay_id: str = ANY
    model_id: str | None = None
    metric: str | None = None
    below: float | None = None
    above: float | None = None
    window: str = "days:7"
    periods: int = 1
    minimum_n: int = 30
    minimum_positives: int = 0
    bound: str = "interval"
    segment_field: str | None = None
    drift_in_features: int | None = None
    minimum_significant_ratio: float | None = None
    controls_per_run: int | None = None
    severity: str = "warning"

    @property
    def days(self) -> int:
        """How many days a period has."""
        return int(self.window.removeprefix(_WINDOW))

    @property
    def text(self) -> str:
        """What is wanted of it, in words."""
        if self.drift_in_features is not None:
            return f"drift in at least {self.drift_in_features} features"
        if self.minimum_significant_ratio is not None:
            return f"RMSE above the noise of an MSR of {self.minimum_significant_ratio:g}"
        if self.controls_per_run is not None:
            return f"Westgard's rules for {self.controls_per_run} a run"
        side, limit = ("below", self.below) if self.below is not None else ("above", self.above)
        return f"{self.metric} {side} {limit:g}"

    def concerns(self, model_id: str, assay_id: str) -> bool:
        """Return whether the rule is about a model in an assay."""
        return (self.assay_id == ANY or canonical(self.assay_id) == assay_id) and (
            self.model_id in (None, model_id)
        )


def metric_names() -> list[str]:
    """Return the names of all metrics, without importing them.

    >>> "recall" in metric_names(), "_by_class" in metric_names()
    (True, False)
    """
    spec = find_spec("processors")
    assert spec is not None and spec.submodule_search_locations is not None
    folders = [f"{place}/metrics" for place in spec.submodule_search_locations]
    return sorted(found.name for found in iter_modules(folders) if not found.name.startswith("_"))


def check_rules(rules: Sequence[Rule]) -> None:
    """Raise SettingsError for the first rule that cannot be: it says what there is.

    >>> check_rules([Rule("r", metric="recall", below=0.8, segment_field="lot")])
    Traceback (most recent call last):
        ...
    schemas.errors.SettingsError: rule r: there is no segment_field 'lot'; there are \
reagent_batch, instrument, operator, protocol_version
    """
    for rule in rules:
        _check(rule)
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"rule {name}: two rules have this name; give each its own")


def check_controlled(rules: Sequence[Rule], assays: Collection[str]) -> None:
    """Raise SettingsError for a rule about controls where no assay that it concerns has any.

    `assays` are the canonical names of those with a control.

    >>> check_controlled([Rule("r", assay_id="logP", controls_per_run=2)], ["hERG"])
    Traceback (most recent call last):
        ...
    schemas.errors.SettingsError: rule r: logP has no control; state one under [[monitor.controls]]
    """
    for rule in rules:
        concerned = bool(assays) if rule.assay_id == ANY else canonical(rule.assay_id) in assays
        if rule.controls_per_run is not None and not concerned:
            where = "no assay has a" if rule.assay_id == ANY else f"{rule.assay_id} has no"
            _refuse(rule, f"{where} control; state one under [[monitor.controls]]")


def _check(rule: Rule) -> None:
    if not rule.name.strip() or any(part in rule.name for part in (",", " on ")):
        _refuse(rule, "its name must be text without commas and without the word on")
    if not rule.name.isprintable():
        _refuse(rule, "its name holds a control character")
    _one_of(rule, "severity", rule.severity, SEVERITIES)
    kinds = [getattr(rule, name) for name in KINDS]
    if sum(kind is not None for kind in kinds) != 1:
        _refuse(rule, f"give either metric, with below or above, or {', or '.join(KINDS[1:])}")
    if rule.drift_in_features is not None and rule.drift_in_features < 1:
        _refuse(rule, "drift_in_features must be 1 or more")
    if rule.minimum_significant_ratio is not None:
        try:
            stated_floor(rule.minimum_significant_ratio)
        except SettingsError as error:
            _refuse(rule, str(error))
    if rule.controls_per_run is not None and rule.controls_per_run < 1:
        _refuse(rule, "controls_per_run must be 1 or more")
    if rule.metric is None:
        return
    _one_of(rule, "metric", rule.metric, metric_names())
    if (rule.below is None) == (rule.above is None):
        _refuse(rule, "give either below or above, the limit of its metric")
    if not _is_window(rule.window):
        _refuse(
            rule,
            f"there is no window {rule.window!r}; there is days:N, N days from 1 to {DAYS_MAX}, "
            "such as days:7 for weeks from Monday on",
        )
    _one_of(rule, "bound", rule.bound, BOUNDS)
    if rule.segment_field is not None:
        _one_of(rule, "segment_field", rule.segment_field, CONTEXT_FIELDS)
    if not 1 <= rule.periods <= PERIODS_MAX:
        _refuse(rule, f"periods must be from 1 to {PERIODS_MAX}")
    if rule.minimum_n < 1 or rule.minimum_positives < 0:
        _refuse(rule, "minimum_n must be 1 or more, minimum_positives 0 or more")


def _is_window(window: str) -> bool:
    days = window.removeprefix(_WINDOW)
    digits = window.startswith(_WINDOW) and days.isascii() and days.isdigit() and len(days) <= 4
    return digits and 1 <= int(days) <= DAYS_MAX


def _one_of(rule: Rule, what: str, name: str | None, there: Sequence[str]) -> None:
    if name not in there:
        _refuse(rule, f"there is no {what} {name!r}; there are {', '.join(there)}")


def _refuse(rule: Rule, why: str) -> None:
    raise SettingsError(f"rule {rule.name[:60]}: {why}")
