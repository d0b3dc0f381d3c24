"""Six benchmarks: readers of their publishers' own files, and scorers by their published protocols."""
