"""What a thought is worth: the pure arithmetic of the paper, with no model and no I/O."""
