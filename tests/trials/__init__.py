"""Trials of what strangers and faults can do; each has a quick form here and a long one by hand."""
