"""Benchmarks: what we are worth as a ratio to a baseline that is measured in the same run, on the same server."""
