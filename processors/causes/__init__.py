"""Why a change came: results by factor, what their levels always read, what moved since.

`processors/cause.py` is the way in. One more factor is one more name in `results.py`.
"""
