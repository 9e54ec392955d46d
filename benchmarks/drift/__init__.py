"""Delay and false alarms of drift detectors, each tuned to the same rate of false alarms.

A contestant is one file in `contestants/` that gives CONTESTANT; nothing lists it. `streams.py` has
the settings and the scenarios, `real_data.py` the real values, `tuning.py` finds parameters,
`trial.py` measures one contestant, `report.py` shows what was found.
`python -m benchmarks.drift --help` says how to run it. What `trial.py` imports must do without the
product, since other libraries run in an environment of their own.
"""
