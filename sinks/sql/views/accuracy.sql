-- The last word on every series, window and metric; segment_field NULL is the whole series.
-- argMax takes a tuple because of a lone column it would leave out NULL.
CREATE OR REPLACE VIEW accuracy AS
SELECT
    model_id,
    model_version,
    assay_id,
    if(r.segment_field = '', NULL, r.segment_field) AS segment_field,
    if(r.segment_field = '', NULL, r.segment_value) AS segment_value,
    window,
    metric,
    last.1 AS value,
    last.2 AS low,
    last.3 AS high,
    last.4 AS n,
    last.5 AS at
FROM
(
    SELECT
        model_id,
        model_version,
        assay_id,
        segment_field,
        segment_value,
        window,
        metric,
        argMax((value, low, high, n, at), (row_version, at_us)) AS last
    FROM metrics_rows
    GROUP BY model_id, assay_id, model_version, segment_field, segment_value, window, metric
) AS r
