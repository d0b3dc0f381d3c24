"""Measuring methods on benchmarks: runs on Inspect AI, experiments on the simulated world, tuning.

Importing it loads neither Inspect nor Optuna nor matplotlib.
"""
