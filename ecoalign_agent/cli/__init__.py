"""The ``ecoalign`` command line: one module per command."""
