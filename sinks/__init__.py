"""Rests: where events come to rest and are read from. ClickHouse, by tables and views in `sql/`.

May import schemas only; no clock, environment or Kafka: addresses and secrets are arguments.
`embedded/` is the local default, ClickHouse's own engine behind its own HTTP interface.

To add a sink: one file `NAME.py` with a class that has `write(topic, events, token)` and `close()`.
It raises UnavailableError (busy: ask again after so many seconds) or DataError (rejected for good);
batching, pausing and dead letters are its caller's. To add a table or view: one file under `sql/`.
"""
