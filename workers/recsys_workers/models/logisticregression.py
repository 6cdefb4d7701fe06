"""Logistic regression for the task Ranking: one weight a number and one a category, and nothing of two together."""

from recsys_workers.models.common import with_defaults
from recsys_workers.models.declaration import Declaration
from recsys_workers.models.linear import Linear
from recsys_workers.models.practice import PRACTICE_RULES, ROW_PRACTICE
from recsys_workers.tasks import RANKING

DECLARATION = Declaration(
    architecture="LogisticRegression",
    description="Logistic regression over a user's, an item's and a context's columns; a baseline without crosses.",
    parameters=with_defaults(ROW_PRACTICE, learningRate="0.01", batchSize="256"),
    rules=PRACTICE_RULES,
    task=RANKING,
)


class LogisticRegression(Linear):
    """Linear, whose outputs are log-odds."""

    DECLARATION = DECLARATION
