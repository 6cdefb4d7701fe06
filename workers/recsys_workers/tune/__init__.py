"""Searching for hyperparameters: spec.tuning of a TrainingRun."""
