"""One engine per file: `JOIN` and, where it has one, `PIPELINE` say how it is run.

An engine from another environment has a `main` besides, and is run as a module in that environment;
at the top of such a file only the standard library and `benchmarks.engine` are imported.
"""
