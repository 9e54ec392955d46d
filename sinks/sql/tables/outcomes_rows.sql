-- One row per outcome and revision; version and key as in predictions_rows.
CREATE TABLE IF NOT EXISTS outcomes_rows
(
    event_id String,
    version UInt128,
    revision UInt64,
    retracted Bool,
    molecule_id String,
    assay_id LowCardinality(String),
    reagent_batch LowCardinality(Nullable(String)),
    instrument LowCardinality(Nullable(String)),
    operator LowCardinality(Nullable(String)),
    protocol_version LowCardinality(Nullable(String)),
    value Nullable(Float64),
    label LowCardinality(Nullable(String)),
    qualifier LowCardinality(Nullable(String)),
    unit LowCardinality(Nullable(String)),
    measured_at Nullable(DateTime64(6, 'UTC'))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (assay_id, molecule_id, event_id)
SETTINGS non_replicated_deduplication_window = 1000
