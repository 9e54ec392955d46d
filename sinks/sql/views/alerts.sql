-- The latest state of every alert.
CREATE OR REPLACE VIEW alerts AS
SELECT *
FROM alert_history
ORDER BY row_version DESC
LIMIT 1 BY alert_id
