"""An alert to tell."""

from typing import Any

from schemas.events import Alert, FactorEffect
from sinks.notify._notice import Notice

SAID_AT_US = 1_771_336_800_123_456
ALERT = Alert(
    alert_id="7d1f6c0a52",
    row_version=41,
    state="open",
    model_id="gaff-am1bcc",
    model_version="1.0",
    assay_id="logP",
    segment_field="reagent_batch",
    segment_value="LOT-C",
    detector="page_hinkley",
    since=1_771_336_800_000_000,
    detected_at=1_771_340_400_000_000,
    effect_sd=-1.52,
    p_value=2e-6,
    n=23,
    reason="Predictions read 1.5 baseline SD further below the bench.",
    severity="critical",
    kind="assay",
    effect_low=-2.0,
    effect_high=-1.1,
    tied=("operator=ann",),
    molecules=2,
    molecule_ids=("mobley_1", "mobley_2"),
    factors=(FactorEffect("reagent_batch", "LOT-C", True, -1.5, -1.9, -1.1, 40, 1e-9),),
)


def notice(news: str = "open", **changes: Any) -> Notice:
    return Notice("msg-1", news, SAID_AT_US, "recalibra", ALERT._replace(**changes))
