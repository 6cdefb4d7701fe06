"""One attempt of a TrainingRun: train with Ray, evaluate, judge, publish."""
