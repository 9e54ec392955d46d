-- The latest state of every alert.
CREATE OR REPLACE VIEW alerts AS
SELECT
    alert_id,
    state,
    model_id,
    model_version,
    assay_id,
    segment_field,
    segment_value,
    detector,
    since,
    detected_at,
    effect_sd,
    p_value,
    n,
    reason,
    severity,
    kind,
    effect_low,
    effect_high,
    mean_error_before,
    mean_error_since,
    false_alarms_per_year,
    tied,
    first_run,
    molecules,
    molecule_ids,
    rule,
    planned_change,
    acknowledged_by,
    muted_until,
    row_version
FROM alerts_rows FINAL
ORDER BY row_version DESC
LIMIT 1 BY alert_id
