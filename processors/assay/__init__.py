"""Assay, model or chemistry: what an alert's change came from.

Control charts with Westgard rules (`control_chart`, `control_target`, `westgard`), the assay's own
noise as a floor under RMSE (`repeats`, `noise_floor`), how far a molecule is from those a model
version is known on (`domain`), and the verdict (`verdict`). Pure functions and small states as
plain data; whoever calls them keeps the states.
"""
