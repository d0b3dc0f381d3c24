"""Finding a policy for one model on samples of one's own, by multi-objective search."""
