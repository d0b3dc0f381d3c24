"""Pictures of a request: sources, safety checks, decoding, scaling, and what they cost in tokens."""
