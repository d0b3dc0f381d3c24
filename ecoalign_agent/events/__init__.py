"""What a run tells while it thinks, and what it holds in the end."""
