-- How often a class was predicted where a class was measured, of all pairs of a series. In the name
-- of a metric a label's own % and : are quoted.
CREATE OR REPLACE VIEW confusion AS
SELECT
    model_id,
    model_version,
    assay_id,
    segment_field,
    segment_value,
    decodeURLComponent(splitByChar(':', metric)[2]) AS measured_label,
    decodeURLComponent(splitByChar(':', metric)[3]) AS predicted_label,
    n AS results,
    at
FROM accuracy
WHERE window = 'all' AND startsWith(metric, 'confusion:') AND value IS NOT NULL
