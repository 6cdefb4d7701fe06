"""What the measurements of a canary mean: regression aborts, missing evidence holds."""
