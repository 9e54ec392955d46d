-- Every pair as last restated, without the retracted ones. The context is the outcome's.
CREATE OR REPLACE VIEW pairs AS
SELECT
    pair_id,
    status,
    model_id,
    model_version,
    molecule_id,
    assay_id,
    reagent_batch,
    instrument,
    operator,
    protocol_version,
    unit,
    predicted,
    measured,
    predicted - measured AS error,
    predicted_label,
    measured_label,
    probability,
    qualifier,
    predicted_at,
    measured_at,
    prediction_id,
    outcome_id
FROM pairs_rows FINAL
WHERE status != 'retracted'
