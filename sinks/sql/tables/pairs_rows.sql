-- One row per pair and restatement. row_version grows within a lane, and a lane is a molecule and an
-- assay: both are in the key, so that rows of two lanes never replace one another.
CREATE TABLE IF NOT EXISTS pairs_rows
(
    pair_id String,
    row_version UInt64,
    status LowCardinality(String),
    model_id LowCardinality(String),
    model_version LowCardinality(String),
    molecule_id String,
    assay_id LowCardinality(String),
    reagent_batch LowCardinality(Nullable(String)),
    instrument LowCardinality(Nullable(String)),
    operator LowCardinality(Nullable(String)),
    protocol_version LowCardinality(Nullable(String)),
    unit LowCardinality(Nullable(String)),
    predicted Nullable(Float64),
    measured Nullable(Float64),
    predicted_label LowCardinality(Nullable(String)),
    measured_label LowCardinality(Nullable(String)),
    probability Nullable(Float64),
    qualifier LowCardinality(Nullable(String)),
    predicted_at Nullable(DateTime64(6, 'UTC')),
    measured_at Nullable(DateTime64(6, 'UTC')),
    prediction_id String,
    outcome_id String
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (assay_id, molecule_id, pair_id)
SETTINGS non_replicated_deduplication_window = 1000
