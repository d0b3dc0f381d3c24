"""The methods that EcoAlign is compared with: each turns a question with pictures into an answer by one chat model."""
