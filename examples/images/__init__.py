"""The four pictures of ``ecoalign demo``; ``examples/make_images.py`` draws them."""
