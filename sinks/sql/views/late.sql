-- Every outcome that was measured longer after its prediction than the assay's retention.
CREATE OR REPLACE VIEW late AS
SELECT
    pair_id,
    model_id,
    model_version,
    molecule_id,
    assay_id,
    reagent_batch,
    instrument,
    operator,
    protocol_version,
    predicted,
    predicted_unit,
    measured,
    measured_unit,
    predicted_label,
    measured_label,
    predicted_at,
    measured_at,
    dateDiff('day', predicted_at, measured_at) AS days,
    prediction_id,
    outcome_id
FROM late_rows FINAL
WHERE NOT retracted
