"""What becomes of a TrainingRun: facts in, one decision out."""
