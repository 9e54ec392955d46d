-- One row per series, window, metric and time: the history of accuracy. In the key an empty
-- segment_field stands for the whole series, and the lowest at_us for a window without a time.
CREATE TABLE IF NOT EXISTS metrics_rows
(
    model_id LowCardinality(String),
    model_version LowCardinality(String),
    assay_id LowCardinality(String),
    segment_field LowCardinality(String),
    segment_value String,
    window LowCardinality(String),
    metric LowCardinality(String),
    value Nullable(Float64),
    low Nullable(Float64),
    high Nullable(Float64),
    n UInt64,
    at Nullable(DateTime64(6, 'UTC')),
    at_us Int64,
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (model_id, assay_id, model_version, segment_field, segment_value, window, metric, at_us)
SETTINGS non_replicated_deduplication_window = 1000
