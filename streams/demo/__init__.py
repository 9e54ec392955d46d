"""The demo: real predictions and measurements, with a reagent lot that goes bad on the way.

Real are the values: FreeSolv's measured and calculated hydration free energies of 642 molecules.
Simulated, and said to be, are contexts, times and the bad lot.
"""
