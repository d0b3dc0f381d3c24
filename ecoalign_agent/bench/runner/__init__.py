"""Run methods on benchmarks as Inspect AI eval sets."""
