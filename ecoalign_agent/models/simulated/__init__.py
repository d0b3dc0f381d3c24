"""A simulated vision-language model with known ground truth. Importing it draws nothing and loads no web server."""
