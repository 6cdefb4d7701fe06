"""RecModel of the task Ranking: one wrong manifest and its correction for each rule and bound that it brings."""

from typing import Any

from tests.integration.api.case import Case, Manifest
from tests.integration.api.cases_tabular import CATALOGUE, NO_SPLIT, NO_TIME

USER = {"name": "user_id", "role": "User", "encoding": "Vocabulary", "minRows": 10}
ITEM = {"name": "item_id", "role": "Item"}
NUMBER = {"name": "price", "role": "Numeric", "missing": "Impute"}
CATEGORY = {"name": "category", "role": "Categorical", "encoding": "Vocabulary", "minRows": 2}
LABEL = {"name": "click", "role": "Label", "positive": "yes"}
TIME = {"name": "timestamp", "role": "Timestamp"}
SPLIT = {"name": "part", "role": "Split"}
WEIGHT = {"name": "weight", "role": "Weight"}
COLUMNS = [USER, ITEM, NUMBER, CATEGORY, LABEL, TIME, SPLIT, WEIGHT]
METRICS = ["AUC", "GAUC", "LogLoss"]

BASE: Manifest = {
    "apiVersion": "recsys.dev/v1alpha1",
    "kind": "RecModel",
    "metadata": {"name": "clicks"},
    "spec": {
        "task": "Ranking",
        "architecture": {"name": "DCNv2", "hyperparameters": {"crossLayers": "2"}},
        "schema": {"columns": COLUMNS},
        "evaluation": {
            "protocol": "ByTime",
            "byTime": {"validationPercent": 10, "testPercent": 10},
            "metrics": METRICS,
        },
        "gates": [
            {"name": "floor", "floor": {"metric": "GAUC", "min": "0.6"}},
            {"name": "ceiling", "floor": {"metric": "LogLoss", "max": "0.5"}},
            {"name": "champion", "champion": {"metric": "AUC", "maxRegressionPercent": 1}},
            {"name": "parity", "parity": {"tolerance": "1e-5"}},
            {"name": "latency", "latency": {"p99Milliseconds": 150}},
        ],
        "storage": {"uri": "pvc://artifacts/models"},
        "championFrom": {"name": "clicks"},
    },
}


def _of_spec(field: str, wrong: Any, right: Any, message: str, *also: str) -> Case:
    return Case(f"spec.{field}", "rule", wrong, right, message, about="spec", also=also, base=BASE)


def _columns(wrong: list[dict[str, Any]], message: str, right: list[dict[str, Any]] | None = None) -> Case:
    return _of_spec("schema.columns", wrong, right or COLUMNS, message)


def _column(index: int, wrong: dict[str, Any], right: dict[str, Any], message: str) -> Case:
    return Case(f"spec.schema.columns[{index}]", "rule", wrong, right, message, base=BASE)


def _less(*gone: dict[str, Any]) -> list[dict[str, Any]]:
    return [column for column in COLUMNS if column not in gone]


def _spec(**changed: Any) -> dict[str, Any]:
    return {**BASE["spec"], **changed}


CASES: list[Case] = [
    # What is learned
    Case(
        "spec",
        "rule",
        _spec(objective="Binary"),
        _spec(),
        "spec.objective must be set for the task Tabular (Binary, Multiclass or Regression), and for no other",
        # The objective's own metrics have no GAUC.
        also=("the metrics of the objective Binary are AUC, LogLoss, Accuracy, Precision, Recall, F1",),
        base=BASE,
    ),
    _of_spec(
        "architecture.name",
        "MLP",
        "LogisticRegression",
        "the task Ranking needs one of the architectures DCNv2, LogisticRegression: correct spec.architecture.name or "
        "spec.task",
    ),
    # From which columns
    *(
        _columns(
            _less(column),
            f"schema.columns must name exactly one {column['role']} column",
            # Both suffice: other features are not needed.
            _less(NUMBER, CATEGORY),
        )
        for column in (USER, ITEM)
    ),
    *(
        _columns(
            [*COLUMNS, {"name": "second", "role": column["role"]}],
            f"schema.columns must name exactly one {column['role']} column",
        )
        for column in (USER, ITEM)
    ),
    _columns(_less(LABEL), "schema.columns must name exactly one Label column for the task Ranking"),
    _columns(
        [*COLUMNS, {"name": "second", "role": "Label"}],
        "schema.columns must name exactly one Label column for the task Ranking",
    ),
    *(
        _columns(
            [*COLUMNS, {"name": "second", "role": column["role"]}],
            f"schema.columns must name at most one {column['role']} column",
        )
        for column in (TIME, SPLIT, WEIGHT)
    ),
    _column(
        1,
        {"name": "item_id", "role": "Item", "encoding": "Hashed"},
        {"name": "item_id", "role": "Item", "encoding": "Hashed", "buckets": 1000},
        "a column has buckets if and only if its encoding is Hashed",
    ),
    _column(
        2,
        {"name": "price", "role": "Numeric", "encoding": "Vocabulary"},
        {"name": "price", "role": "Categorical", "encoding": "Vocabulary"},
        "encoding is for columns with the role Categorical, User, Item or Calendar, or with calendar: leave it out",
    ),
    *(
        _column(index, wrong, right, "minRows is for columns whose encoding is Vocabulary: leave it out")
        for index, wrong, right in (
            (0, {**USER, "encoding": "OneHot"}, {"name": "user_id", "role": "User", "minRows": 10}),
            (3, {"name": "category", "role": "Categorical", "minRows": 2}, CATEGORY),
        )
    ),
    _column(
        0,
        {**USER, "missing": "Impute"},
        USER,
        "missing is for columns with the role Numeric, Categorical, Calendar or Text: leave it out",
    ),
    *(
        Case(f"spec.schema.columns[0].{field}", keyword, wrong, right, message, base=BASE)
        for field, keyword, wrong, right, message in (
            ("minRows", "minimum", 0, 1, "should be greater than or equal to 1"),
            ("minRows", "maximum", 1000001, 1000000, "should be less than or equal to 1000000"),
            ("encoding", "enum", "Embedding", "Vocabulary", 'supported values: "OneHot", "Hashed", "Vocabulary"'),
        )
    ),
    # How it is judged
    _of_spec(
        "evaluation",
        {"protocol": "LeaveOneOut", "metrics": METRICS},
        {"protocol": "ByRatio", "metrics": METRICS},
        "spec.evaluation.protocol must be one for the task Ranking: ByTime, ByRatio, ByColumn",
    ),
    *(
        Case(
            "spec",
            "rule",
            _spec(evaluation={**protocol, "metrics": METRICS}, schema={"columns": _less(column)}),
            _spec(evaluation={**protocol, "metrics": METRICS}),
            message,
            base=BASE,
        )
        for protocol, column, message in (
            ({"protocol": "ByTime"}, TIME, NO_TIME),
            ({}, TIME, NO_TIME),
            ({"protocol": "ByColumn"}, SPLIT, NO_SPLIT),
        )
    ),
    *(
        _of_spec(
            "evaluation.metrics", [*METRICS, wrong], METRICS, "the metrics of the task Ranking are AUC, GAUC, LogLoss"
        )
        for wrong in ("F1", "NDCG@10")
    ),
    _of_spec(
        "evaluation",
        {"protocol": "ByTime", "excludeSeen": False, "metrics": METRICS},
        {"protocol": "ByTime", "excludeSeen": True, "metrics": METRICS},
        "evaluation.excludeSeen is for lists of items, which the task Ranking does not make: leave it out",
    ),
    Case(
        "spec",
        "rule",
        _spec(catalogue=CATALOGUE),
        _spec(),
        "the task Ranking answers rows, which have no titles: leave catalogue out",
        base=BASE,
    ),
    Case(
        "spec.gates[0].floor",
        "rule",
        {"metric": "GAUC", "against": "Popularity"},
        {"metric": "GAUC", "min": "0.6"},
        "floor.against is for metrics of lists (NDCG@k, HR@k, MRR@k): give a min or max",
        base=BASE,
    ),
]
