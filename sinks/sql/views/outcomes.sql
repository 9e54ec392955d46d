-- The latest revision of every outcome that is not retracted.
CREATE OR REPLACE VIEW outcomes AS
SELECT
    event_id,
    revision,
    molecule_id,
    assay_id,
    reagent_batch,
    instrument,
    operator,
    protocol_version,
    value,
    label,
    qualifier,
    unit,
    measured_at
FROM outcomes_rows FINAL
WHERE NOT retracted
