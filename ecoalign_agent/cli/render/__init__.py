"""Terminal output: live tree, plain lines, receipt, tables."""
