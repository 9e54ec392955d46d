"""What every figure has: an interval, or the reason why it has no value.

`estimate` is the answer, `intervals` and `quantiles` what its 95 % interval is made of. May import
nothing of this project.
"""
