"""Benchmarks: this project beside other engines on the same broker; no part of the product.

One engine is one file in `engines/`; `python -m benchmarks --help` says how to run them.
"""
