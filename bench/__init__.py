"""Benchmarks: each prints lines with figure, goal, machine and command; no test passes or fails by them."""
