"""Training and judging models of single rows: reading, splitting, fitting, metrics."""
