-- One row per prediction and revision. version = revision * 2^64 + hash of the content: the highest
-- revision counts, and of two contents of one revision always the same one. The molecule and assay
-- are in the key because a revision may move an event: under its old key it is then retracted.
CREATE TABLE IF NOT EXISTS predictions_rows
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
    model_id LowCardinality(String),
    model_version LowCardinality(String),
    value Nullable(Float64),
    label LowCardinality(Nullable(String)),
    probability Nullable(Float64),
    uncertainty Nullable(Float64),
    unit LowCardinality(Nullable(String)),
    predicted_at Nullable(DateTime64(6, 'UTC')),
    features Map(String, Float64),
    feature_labels Map(String, String)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (assay_id, molecule_id, event_id)
SETTINGS non_replicated_deduplication_window = 1000
