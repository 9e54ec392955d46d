"""What the lab chooses about join, monitor and alerts."""

from typing import Annotated, Self

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from processors.alerts.rule import Rule, check_controlled, check_rules
from processors.assay.control_target import stated_target
from processors.controls import Control
from processors.detectors import detector_names
from processors.options import DETECTORS
from schemas.errors import SettingsError
from schemas.topics import canonical
from streams.settings.section import Section


class CoreSettings(Section):
    """What the lab chooses about join and monitor; see `processors.options.Options`."""

    retention_days: int = Field(400, ge=1, le=400)
    retention_days_by_assay: dict[str, Annotated[int, Field(ge=1, le=400)]] = Field({})
    slack_days: int = Field(30, ge=1, le=400)
    window_pairs: tuple[Annotated[int, Field(ge=2, le=2_000)], ...] = (50, 200)
    window_days: tuple[Annotated[int, Field(ge=1, le=3_650)], ...] = (30,)


def _rule(given: object) -> object:
    """Let a table of a rule's fields pass, and say of another what there is."""
    if not isinstance(given, (dict, Rule)):
        raise ValueError("a rule is a table")
    unknown = [] if isinstance(given, Rule) else sorted(set(given) - set(Rule._fields))
    if unknown:
        raise ValueError(f"there is no {unknown[0]!r}; there are {', '.join(Rule._fields)}")
    return given


class ControlSettings(Section):
    """A control compound; without mean and SD they are learnt from its first results."""

    assay_id: str = Field(min_length=1)
    molecule_id: str = Field(min_length=1)
    mean: float | None = Field(None, allow_inf_nan=False)
    sd: float | None = Field(None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _mean_and_sd(self) -> Self:
        if (self.mean is None) != (self.sd is None):
            raise ValueError("state both mean and sd of a control, or neither to have them learnt")
        return self

    def as_control(self) -> Control:
        """Return the control as the core takes it."""
        stated = self.mean is not None and self.sd is not None
        target = stated_target(self.mean or 0.0, self.sd or 1.0) if stated else None
        return Control(canonical(self.assay_id), canonical(self.molecule_id), target)


class MonitorSettings(Section):
    """What the charts may cost in false alarms, and when else the lab wants to be told."""

    model_config = ConfigDict(allow_inf_nan=False)

    false_alarms_per_model_year: float = Field(0.2, gt=0, le=365)
    pairs_per_model_year: int = Field(5_000, ge=100)
    detectors: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(dict(DETECTORS))
    baseline_results: int = Field(50, ge=20, le=1_000)
    no_labels_after_days: int = Field(14, ge=1, le=400)
    rules: tuple[Annotated[Rule, BeforeValidator(_rule), PlainSerializer(Rule._asdict)], ...] = ()
    controls: tuple[ControlSettings, ...] = ()

    @model_validator(mode="after")
    def _budget_is_possible(self) -> Self:
        if unknown := sorted(self.detectors.keys() - set(detector_names())):
            raise ValueError(
                f"there is no detector {unknown[0]!r}; there are {', '.join(detector_names())}"
            )
        if sum(self.detectors.values()) > 1 + 1e-9:
            raise ValueError("the parts of the budget that the detectors get exceed 1 in all")
        if self.false_alarms_per_model_year > self.pairs_per_model_year / 50:
            raise ValueError("a budget of more than one false alarm in 50 pairs is no budget")
        return self

    @model_validator(mode="after")
    def _rules_can_be(self) -> Self:
        try:
            check_rules(self.rules)
            check_controlled(self.rules, {each.as_control().assay_id for each in self.controls})
        except SettingsError as error:
            raise ValueError(str(error)) from error
        return self
