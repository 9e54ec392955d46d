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
    row_version
FROM alerts_rows FINAL
ORDER BY row_version DESC
LIMIT 1 BY alert_id
