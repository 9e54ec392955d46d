-- What alerts tell since they have severities; older rows hold the defaults.
ALTER TABLE alerts_rows
    ADD COLUMN IF NOT EXISTS severity LowCardinality(String) DEFAULT 'warning',
    ADD COLUMN IF NOT EXISTS kind LowCardinality(String) DEFAULT 'unknown',
    ADD COLUMN IF NOT EXISTS effect_low Nullable(Float64),
    ADD COLUMN IF NOT EXISTS effect_high Nullable(Float64),
    ADD COLUMN IF NOT EXISTS mean_error_before Nullable(Float64),
    ADD COLUMN IF NOT EXISTS mean_error_since Nullable(Float64),
    ADD COLUMN IF NOT EXISTS false_alarms_per_year Nullable(Float64),
    ADD COLUMN IF NOT EXISTS tied Array(String),
    ADD COLUMN IF NOT EXISTS first_run Nullable(String),
    ADD COLUMN IF NOT EXISTS molecules UInt64,
    ADD COLUMN IF NOT EXISTS molecule_ids Array(String),
    ADD COLUMN IF NOT EXISTS rule Nullable(String),
    ADD COLUMN IF NOT EXISTS planned_change Nullable(String),
    ADD COLUMN IF NOT EXISTS acknowledged_by Nullable(String),
    ADD COLUMN IF NOT EXISTS muted_until Nullable(DateTime64(6, 'UTC')),
    ADD COLUMN IF NOT EXISTS factors Array(Tuple(
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
