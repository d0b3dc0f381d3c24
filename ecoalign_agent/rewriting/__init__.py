"""VLMGuard-R1: reasons over text and image about possible harm, and rewrites a dangerous prompt."""
