"""Events of a run while it is under way, and its result."""
