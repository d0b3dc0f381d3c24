"""Measuring: the benchmarks' data and scorers, judges, scores with their intervals."""
