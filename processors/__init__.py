"""Concludes: the pure core. Join, windows, metrics, detectors, cause and alerts.

May import `schemas` only. Knows no clock, network, environment, asyncio or unseeded randomness:
what it concludes is a function of the events and the store it is given. To add a metric or a
detector: one file in `metrics/` or `detectors/`; the file's name is its registered name.
"""
