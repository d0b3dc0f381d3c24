"""The experiments that a reader asks for first, on the simulated world. Every figure of theirs is *simulated*."""
