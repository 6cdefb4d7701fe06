"""What of a RecModel goes with which task, as CEL rules of its spec."""

from recsys_operator.api.architectures import of_task
from recsys_operator.api.schema import Rule

SEQUENTIAL, RETRIEVAL, TABULAR, RANKING = "SequentialRecommendation", "Retrieval", "Tabular", "Ranking"
ROWS = (TABULAR, RANKING)
"""The tasks whose models answer rows, and no lists of items."""
FEATURES = ("Numeric", "Categorical", "Calendar", "Text")
"""The roles of columns that a model of rows sees, besides a Timestamp with calendar."""
SMALLER_IS_BETTER = ("LogLoss", "RMSE", "MAE")
OF_ROWS = ("ByTime", "ByRatio", "ByColumn")
"""The protocols of the tasks that answer rows; those that make lists have all."""
METRICS = {
    "Binary": ("AUC", "LogLoss", "Accuracy", "Precision", "Recall", "F1"),
    "Multiclass": ("LogLoss", "Accuracy", "Precision", "Recall", "F1"),
    "Regression": ("RMSE", "MAE"),
}
OF_RANKING = ("AUC", "GAUC", "LogLoss")
"""The metrics of the task Ranking."""


def _for(task: str, rule: str, message: str) -> Rule:
    """A rule for one task."""
    return Rule(f"self.task != '{task}' || {rule}", message)


def _for_ids(rule: str, message: str) -> Rule:
    """A rule for the tasks that have users and items."""
    return Rule(f"self.task == '{TABULAR}' || {rule}", message)


def _for_lists(rule: str, message: str) -> Rule:
    """A rule for the tasks that make lists of items."""
    return Rule(f"self.task in {list(ROWS)} || {rule}", message)


def _for_rows(rule: str, message: str) -> Rule:
    """A rule for the tasks that answer rows."""
    return Rule(f"!(self.task in {list(ROWS)}) || {rule}", message)


def _in(field: str, allowed: tuple[str, ...] | list[str]) -> str:
    return f"{field} in {list(allowed)}"


TASK_RULES = (
    Rule(
        f"has(self.objective) == (self.task == '{TABULAR}')",
        "spec.objective must be set for the task Tabular (Binary, Multiclass or Regression), and for no other",
    ),
    *(
        _for(
            task,
            _in("self.architecture.name", names),
            f"the task {task} needs one of the architectures {', '.join(names)}: correct spec.architecture.name or spec.task",
        )
        for task, names in of_task().items()
    ),
    *(
        _for(
            task,
            _in("self.evaluation.protocol", OF_ROWS),
            f"spec.evaluation.protocol must be one for the task {task}: {', '.join(OF_ROWS)}",
        )
        for task in ROWS
    ),
    *(
        rule(
            f"self.schema.columns.exists_one(c, c.role == '{role}')",
            f"schema.columns must name exactly one {role} column",
        )
        for rule, role in ((_for_ids, "User"), (_for_ids, "Item"), (_for_lists, "Timestamp"))
    ),
    _for_lists(
        "self.schema.columns.all(c, c.role in ['User', 'Item', 'Timestamp', 'Split'])",
        "the roles of SequentialRecommendation and Retrieval are User, Item, Timestamp and Split only: leave out the other columns",
    ),
    _for_lists(
        "!has(self.evaluation.byRatio) || !has(self.evaluation.byRatio.folds)",
        "evaluation.byRatio.folds is for the tasks Tabular and Ranking: folds are dealt at random, so a model of lists would learn "
        "from what users did after the rows that it is judged on. Leave folds out: each figure has an interval without them",
    ),
    _for_lists(
        "self.evaluation.metrics.all(m, m.contains('@'))",
        "the metrics of SequentialRecommendation and Retrieval are NDCG@k, HR@k and MRR@k",
    ),
    _for_lists(
        "self.schema.columns.all(c, !has(c.encoding) && !has(c.minRows) && !has(c.calendar))",
        "encoding, minRows and calendar of a column are for the tasks Tabular and Ranking: leave them out",
    ),
    *(
        _for(
            task,
            "self.schema.columns.exists_one(c, c.role == 'Label')",
            f"schema.columns must name exactly one Label column for the task {task}",
        )
        for task in ROWS
    ),
    _for(
        TABULAR,
        f"self.schema.columns.exists(c, c.role in {list(FEATURES)} || has(c.calendar))",
        f"schema.columns must name at least one column with a role to learn from for the task Tabular: {', '.join(FEATURES)}",
    ),
    _for(
        TABULAR,
        "!self.schema.columns.exists(c, c.role in ['User', 'Item'])",
        "the task Tabular has no User and no Item: give such a column the role Categorical, or leave it out",
    ),
    *(
        _for_rows(
            f"self.schema.columns.filter(c, c.role == '{role}').size() <= 1",
            f"schema.columns must name at most one {role} column",
        )
        for role in ("Timestamp", "Weight", "Group")
    ),
    Rule(
        "self.schema.columns.filter(c, c.role == 'Split').size() <= 1",
        "schema.columns must name at most one Split column",
    ),
    Rule(
        "self.evaluation.protocol != 'ByColumn' || self.schema.columns.exists(c, c.role == 'Split')",
        "the protocol ByColumn needs a column with the role Split in schema.columns: name one, or set another protocol",
    ),
    _for_rows(
        "self.evaluation.protocol != 'ByTime' || !self.schema.columns.exists(c, c.role == 'Group')",
        "the protocol ByTime, the default, may cut a group in two: set spec.evaluation.protocol to ByRatio or ByColumn, or "
        "leave out the column with the role Group",
    ),
    _for_rows(
        "self.evaluation.protocol != 'ByTime' || self.schema.columns.exists(c, c.role == 'Timestamp')",
        "the protocol ByTime, the default, needs a column with the role Timestamp in schema.columns: name one, or set "
        "spec.evaluation.protocol to ByRatio or ByColumn",
    ),
    _for(
        TABULAR,
        "!self.schema.columns.exists(c, has(c.positive)) || !has(self.objective) || self.objective == 'Binary'",
        "positive of a Label column needs the objective Binary",
    ),
    *(
        Rule(
            f"!has(self.objective) || self.objective != '{objective}' || "
            f"self.evaluation.metrics.all(m, m in {list(allowed)})",
            f"the metrics of the objective {objective} are {', '.join(allowed)}",
        )
        for objective, allowed in METRICS.items()
    ),
    _for(
        RANKING,
        f"self.evaluation.metrics.all(m, m in {list(OF_RANKING)})",
        f"the metrics of the task Ranking are {', '.join(OF_RANKING)}",
    ),
    _for(TABULAR, "!has(self.catalogue)", "the task Tabular has no items, and so no catalogue: leave it out"),
    _for(RANKING, "!has(self.catalogue)", "the task Ranking answers rows, which have no titles: leave catalogue out"),
    *(
        _for(
            task,
            "self.evaluation.excludeSeen",
            f"evaluation.excludeSeen is for lists of items, which the task {task} does not make: leave it out",
        )
        for task in ROWS
    ),
    Rule(
        "has(self.objective) == has(oldSelf.objective) && (!has(self.objective) || self.objective == oldSelf.objective)",
        "spec.objective is immutable: make another RecModel",
    ),
)
