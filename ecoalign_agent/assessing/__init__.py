"""Who grades a thought."""
