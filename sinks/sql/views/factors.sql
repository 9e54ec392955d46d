-- What was judged as the cause of every alert as it stands: a row a factor and its value.
CREATE OR REPLACE VIEW factors AS
SELECT
    alert_id,
    state,
    model_id,
    model_version,
    assay_id,
    since,
    judged.factor AS factor,
    judged.value AS value,
    judged.is_cause AS is_cause,
    judged.effect_sd AS effect_sd,
    judged.effect_low AS effect_low,
    judged.effect_high AS effect_high,
    judged.n AS n,
    judged.adjusted_p AS adjusted_p,
    judged.aliased_with AS aliased_with
FROM alerts
ARRAY JOIN factors AS judged
