"""What a person sees while a run thinks, and the receipt in the end."""
