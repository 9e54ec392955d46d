-- How many predictions the bench has answered. Open ones may still be; coverage leaves them out and
-- is NULL as long as none is labelled or expired.
CREATE OR REPLACE VIEW coverage AS
SELECT
    model_id,
    model_version,
    assay_id,
    sum(c.predictions) AS predictions,
    sum(c.labelled) AS labelled,
    sum(c.expired) AS expired,
    predictions - labelled - expired AS open,
    labelled / nullIf(labelled + expired, 0) AS coverage
FROM coverage_rows AS c FINAL
GROUP BY model_id, model_version, assay_id
