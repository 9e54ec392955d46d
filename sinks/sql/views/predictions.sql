-- The latest revision of every prediction that is not retracted.
CREATE OR REPLACE VIEW predictions AS
SELECT
    event_id,
    revision,
    molecule_id,
    assay_id,
    reagent_batch,
    instrument,
    operator,
    protocol_version,
    model_id,
    model_version,
    value,
    label,
    probability,
    uncertainty,
    unit,
    predicted_at,
    features,
    feature_labels
FROM predictions_rows FINAL
WHERE NOT retracted
