-- One row per record that could not be taken in.
CREATE TABLE IF NOT EXISTS dead_letters_rows
(
    dead_letter_id String,
    origin LowCardinality(String),
    partition Nullable(Int32),
    position Int64,
    column LowCardinality(Nullable(String)),
    schema_id Nullable(Int32),
    error LowCardinality(String),
    reason String,
    key Nullable(String),
    payload String
)
ENGINE = ReplacingMergeTree
ORDER BY dead_letter_id
SETTINGS non_replicated_deduplication_window = 1000
