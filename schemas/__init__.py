"""Says: what an event is, how it is keyed and encoded, and what can go wrong.

May import nothing of ours. To add an event: one `avro/recalibra.NAME.avsc`, one frozen type of the
same fields in `events.py`, then `python -m schemas.table` (a test says when that is due).
"""
