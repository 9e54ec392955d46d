"""Runs: the only room that knows Faust, the clock and the environment.

Drives the topology of `processors/` from Kafka (`stage_app`, `lane`) or from files (`replay`), and
holds settings, the local stack and the command line. May import every other room. To add a
command: one file in `commands/`.
"""
