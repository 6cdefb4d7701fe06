"""The tasks that are built, by the names that a RecModel's spec.task has."""

SEQUENTIAL, RETRIEVAL, TABULAR = "SequentialRecommendation", "Retrieval", "Tabular"
