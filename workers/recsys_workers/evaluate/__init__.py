"""Metrics with confidence intervals, gates and the model card."""
