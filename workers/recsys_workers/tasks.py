"""The tasks that are built, by the names that a RecModel's spec.task has."""

SEQUENTIAL, RETRIEVAL, TABULAR, RANKING = "SequentialRecommendation", "Retrieval", "Tabular", "Ranking"
OF_ROWS = (TABULAR, RANKING)
"""Those whose models answer rows, and no lists of items."""
