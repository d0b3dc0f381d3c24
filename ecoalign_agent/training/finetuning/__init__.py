"""Training the rewriter: supervised fine-tuning by TRL, LoRA by PEFT, and running what came of it."""
