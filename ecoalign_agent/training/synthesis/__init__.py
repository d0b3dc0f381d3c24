"""VLMGuard-R1's training data: hindsight, causal analysis, prompt optimisation, and verification, which is ours."""
