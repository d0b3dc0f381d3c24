"""VLMGuard-R1: reasons over text and image about what could go wrong, and writes a dangerous prompt anew."""
