"""Training the rewriter: supervised fine-tuning by TRL, LoRA by PEFT."""
