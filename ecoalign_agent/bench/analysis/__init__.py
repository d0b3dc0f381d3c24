"""Results as scores, intervals, comparisons, tables and plots."""
