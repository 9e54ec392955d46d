-- One row per model version, assay and lane: what that lane of the join has counted so far.
CREATE TABLE IF NOT EXISTS coverage_rows
(
    model_id LowCardinality(String),
    model_version LowCardinality(String),
    assay_id LowCardinality(String),
    lane UInt32,
    predictions UInt64,
    labelled UInt64,
    expired UInt64,
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (model_id, assay_id, model_version, lane)
SETTINGS non_replicated_deduplication_window = 1000
