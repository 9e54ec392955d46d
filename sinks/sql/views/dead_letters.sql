-- Every record that could not be taken in, once.
CREATE OR REPLACE VIEW dead_letters AS
SELECT
    dead_letter_id,
    origin,
    partition,
    position,
    column,
    schema_id,
    error,
    reason,
    key,
    payload
FROM dead_letters_rows FINAL
