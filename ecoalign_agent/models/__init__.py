"""Stand-in chat models that need no network: an OCR reader, a simulated world, and a trained rewriter."""
