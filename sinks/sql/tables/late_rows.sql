-- One row per late pair and restatement; see pairs_rows.
CREATE TABLE IF NOT EXISTS late_rows
(
    pair_id String,
    row_version UInt64,
    retracted Bool,
    model_id LowCardinality(String),
    model_version LowCardinality(String),
    molecule_id String,
    assay_id LowCardinality(String),
    reagent_batch LowCardinality(Nullable(String)),
    instrument LowCardinality(Nullable(String)),
    operator LowCardinality(Nullable(String)),
    protocol_version LowCardinality(Nullable(String)),
    predicted Nullable(Float64),
    predicted_unit LowCardinality(Nullable(String)),
    measured Nullable(Float64),
    measured_unit LowCardinality(Nullable(String)),
    predicted_label LowCardinality(Nullable(String)),
    measured_label LowCardinality(Nullable(String)),
    predicted_at Nullable(DateTime64(6, 'UTC')),
    measured_at Nullable(DateTime64(6, 'UTC')),
    prediction_id String,
    outcome_id String
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (assay_id, molecule_id, pair_id)
SETTINGS non_replicated_deduplication_window = 1000
