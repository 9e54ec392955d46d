-- Every series, window and metric over time; segment_field NULL is the whole series.
CREATE OR REPLACE VIEW accuracy_history AS
SELECT
    model_id,
    model_version,
    assay_id,
    if(r.segment_field = '', NULL, r.segment_field) AS segment_field,
    if(r.segment_field = '', NULL, r.segment_value) AS segment_value,
    window,
    metric,
    value,
    low,
    high,
    n,
    at
FROM metrics_rows AS r FINAL
