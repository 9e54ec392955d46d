"""The local default of ClickHouse: its real engine (chDB) behind its HTTP interface, on loopback.

One process holds one path; any number of clients (clickhouse-connect, curl, pandas) talk to it as
to a ClickHouse server. Start it with `python -m sinks.embedded`; production uses a real server
by host and port, and nothing else changes.
"""
