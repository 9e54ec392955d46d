-- One row per state an alert was in.
CREATE TABLE IF NOT EXISTS alerts_rows
(
    alert_id String,
    row_version UInt64,
    state LowCardinality(String),
    model_id LowCardinality(String),
    model_version LowCardinality(String),
    assay_id LowCardinality(String),
    segment_field LowCardinality(Nullable(String)),
    segment_value Nullable(String),
    detector LowCardinality(String),
    since Nullable(DateTime64(6, 'UTC')),
    detected_at Nullable(DateTime64(6, 'UTC')),
    effect_sd Nullable(Float64),
    p_value Nullable(Float64),
    n UInt64,
    reason String,
    severity LowCardinality(String) DEFAULT 'warning',
    kind LowCardinality(String) DEFAULT 'unknown',
    effect_low Nullable(Float64),
    effect_high Nullable(Float64),
    mean_error_before Nullable(Float64),
    mean_error_since Nullable(Float64),
    false_alarms_per_year Nullable(Float64),
    tied Array(String),
    first_run Nullable(String),
    molecules UInt64,
    molecule_ids Array(String),
    rule Nullable(String),
    planned_change Nullable(String),
    acknowledged_by Nullable(String),
    muted_until Nullable(DateTime64(6, 'UTC')),
    factors Array(Tuple(
        factor String,
        value String,
        is_cause Bool,
        effect_sd Nullable(Float64),
        effect_low Nullable(Float64),
        effect_high Nullable(Float64),
        n UInt64,
        adjusted_p Float64,
        aliased_with Array(String)
    ))
)
ENGINE = ReplacingMergeTree
ORDER BY (alert_id, row_version, state)
SETTINGS non_replicated_deduplication_window = 1000
