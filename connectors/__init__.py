"""Enters: what lab systems know becomes predictions and outcomes on Kafka.

One file per source (`csv_files.py`, …), named by a noun and never like a standard module. Beside
them: `normalise.py` (spellings of units, qualifiers and identifiers), `occurrences.py` (replicates
without an event_id) and `publisher.py` (the only file here that knows Kafka).

May import `schemas` only; no clock, no environment: addresses, secrets and settings are arguments.
A row that cannot be read is never dropped: it becomes a DeadLetter with its bytes and the reason.

To add one more source: one file that gives its options and a pure `parse(raw) → events`, uses
`normalise` for every field and `schemas.validation` before it lets an event out.
"""
