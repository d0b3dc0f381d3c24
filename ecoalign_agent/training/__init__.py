"""Train the rewriter of VLMGuard-R1: make its data (synthesis), fine-tune a model on it (finetuning)."""
