"""What is said of a model version in an assay: its alerts, its status, its lab's own rules.

`alerts.Alerts` is what the monitor talks to. May import what `processors` may. To add a state:
`keeper.py` and `holds.py` for one of an alert, `status.py` for one of the whole; each is a function
of the lane's log, whatever a worker has at hand.
"""
