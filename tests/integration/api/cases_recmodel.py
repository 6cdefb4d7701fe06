"""RecModel: one wrong manifest and its correction for each rule and bound."""

from typing import Any

from tests.integration.api import cases_ranking, cases_tabular
from tests.integration.api.case import ABSENT, Case, Manifest, Transition

NAMES_GROW = "metadata.name must have at most 40 characters: names of children grow on it"
DNS_LABEL = (
    "metadata.name must be a DNS label that starts with a letter (a-z, 0-9, '-'; no dots): Services are named after it"
)
HYPERPARAMETER = "each name must match ^[a-z][A-Za-z0-9]{0,39}$, such as learningRate"
LOCATION = "must be pvc://CLAIM/PATH, such as pvc://data/clicks (PersistentVolumeClaims only so far)"
NAME = "should match '^[a-z]([-a-z0-9]*[a-z0-9])?$'"
METRIC = "should match '^((NDCG|HR|MRR)@([1-9][0-9]?|100)|AUC|GAUC|LogLoss|Accuracy|Precision|Recall|F1|RMSE|MAE)$'"
DECIMAL = r"should match '^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?(e-?[0-9]{1,2})?$'"
FLOOR_METRIC = (
    "the metric of a floor gate must be one of spec.evaluation.metrics: correct the gate, or add its metric there"
)
LARGEST_FLOOR = "floor.min must not exceed 1, or no version would ever pass: metrics are from 0 to 1"
LARGEST_TOLERANCE = "parity.tolerance must not exceed 0.01: a graph that differs by more is another model"
FLOOR = "a floor must set exactly one of: min, max, against"
CHAMPION_METRIC = (
    "the metric of a champion gate must be one of spec.evaluation.metrics: correct the gate, or add its metric there"
)

SEQUENTIAL = (
    "the task SequentialRecommendation needs one of the architectures BSARec, Decoder, SASRec: "
    "correct spec.architecture.name or spec.task"
)
RETRIEVAL = (
    "the task Retrieval needs one of the architectures BPRMF, TwoTower: correct spec.architecture.name or spec.task"
)

USER = {"name": "user_id", "role": "User"}
ITEM = {"name": "item_id", "role": "Item"}
TIMESTAMP = {"name": "timestamp", "role": "Timestamp"}
SPLIT = {"name": "part", "role": "Split"}
COLUMNS = [USER, ITEM, TIMESTAMP]

BASE: Manifest = {
    "apiVersion": "recsys.dev/v1alpha1",
    "kind": "RecModel",
    "metadata": {"name": "movies"},
    "spec": {
        "task": "SequentialRecommendation",
        "architecture": {"name": "SASRec", "hyperparameters": {"dropout": "0.2"}},
        "schema": {"columns": COLUMNS},
        "catalogue": {
            "uri": "pvc://data/ml-100k/ml-100k.item",
            "format": "RecBole",
            "idColumn": "item_id",
            "titleColumn": "movie_title",
        },
        "evaluation": {
            "protocol": "ByTime",
            "byTime": {"validationPercent": 10, "testPercent": 20},
            "excludeSeen": True,
            "metrics": ["NDCG@10", "HR@10"],
        },
        "gates": [
            {"name": "floor", "floor": {"metric": "NDCG@10", "min": "0.03"}},
            {"name": "champion", "champion": {"metric": "NDCG@10", "maxRegressionPercent": 10}},
            {"name": "parity", "parity": {"tolerance": "1e-5"}},
            {"name": "latency", "latency": {"p99Milliseconds": 150}},
        ],
        "storage": {"uri": "pvc://artifacts/models"},
        "championFrom": {"name": "movies"},
    },
}


def path_of(length: int) -> str:
    """A location of so many characters."""
    return "pvc://data/".ljust(length, "x")


def fillers(count: int) -> list[dict[str, object]]:
    """So many different gates."""
    return [{"name": f"g{number}", "latency": {"p99Milliseconds": 150}} for number in range(count)]


def more_columns(count: int) -> list[dict[str, str]]:
    """So many columns in all; each role may be named once, so the rest repeats one."""
    return [*COLUMNS, *({"name": f"c{number}", "role": "Item"} for number in range(count - 3))]


def _judged(ratio: dict[str, int], **changed: Any) -> dict[str, Any]:
    """The spec of a model that is judged ByRatio."""
    evaluation = {"protocol": "ByRatio", "byRatio": ratio, "metrics": ["NDCG@10", "HR@10"]}
    return {**BASE["spec"], "evaluation": evaluation, **changed}


def _by_column(columns: list[dict[str, str]], **changed: Any) -> dict[str, Any]:
    """The spec of a model that is judged ByColumn."""
    evaluation = {"protocol": "ByColumn", "metrics": ["NDCG@10", "HR@10"]}
    return {**BASE["spec"], "schema": {"columns": columns}, "evaluation": evaluation, **changed}


CASES: list[Case] = [
    # The object
    Case("metadata.name", "rule", "m" * 41, "m" * 40, NAMES_GROW, about=""),
    Case("metadata.name", "rule", "movies.v2", "movies-v2", DNS_LABEL, about=""),
    Case("metadata.name", "rule", "2movies", "movies2", DNS_LABEL, about=""),
    Case("spec", "required", ABSENT, BASE["spec"], "Required value"),
    # What is learned
    Case("spec.task", "required", ABSENT, "SequentialRecommendation", "Required value"),
    Case(
        "spec.task",
        "enum",
        "SearchRelevance",
        "SequentialRecommendation",
        'supported values: "SequentialRecommendation", "Retrieval", "Tabular", "Ranking"',
    ),
    Case("spec.architecture.name", "rule", "MLP", "SASRec", SEQUENTIAL, about="spec"),
    Case("spec.architecture", "required", ABSENT, {"name": "SASRec"}, "Required value"),
    Case("spec.architecture.name", "required", ABSENT, "SASRec", "Required value"),
    Case(
        "spec.architecture.name",
        "enum",
        "BERT4Rec",
        "SASRec",
        'supported values: "BPRMF", "BSARec", "DCNv2", "Decoder", "Linear", "LogisticRegression", "MLP", "SASRec", '
        '"TwoTower"',
    ),
    *(
        Case("spec.architecture", "rule", {"name": wrong}, {"name": "SASRec"}, SEQUENTIAL, about="spec")
        for wrong in ("TwoTower", "BPRMF")
    ),
    Case("spec.task", "rule", "Retrieval", "SequentialRecommendation", RETRIEVAL, about="spec"),
    Case(
        "spec.architecture.hyperparameters",
        "maxProperties",
        {f"p{number}": "1" for number in range(33)},
        {f"p{number}": "1" for number in range(32)},
        "must have at most 32 items",
    ),
    Case("spec.architecture.hyperparameters{dropout}", "maxLength", "1" * 65, "1" * 64, "may not be more than 64"),
    Case("spec.architecture.hyperparameters", "rule", {"learning_rate": "1"}, {"learningRate": "1"}, HYPERPARAMETER),
    Case("spec.architecture.hyperparameters", "rule", {"p" * 41: "1"}, {"p" * 40: "1"}, HYPERPARAMETER),
    # From which columns
    Case("spec.schema", "required", ABSENT, {"columns": COLUMNS}, "Required value"),
    Case("spec.schema.columns", "required", ABSENT, COLUMNS, "Required value"),
    Case("spec.schema.columns", "minItems", [], COLUMNS, "should have at least 1 items", also=("exactly one",) * 3),
    Case("spec.schema.columns", "maxItems", more_columns(65), COLUMNS, "must have at most 64 items"),
    Case("spec.schema.columns", "unique", [*COLUMNS, ITEM], COLUMNS, "Duplicate value", also=("exactly one Item",)),
    Case("spec.schema.columns[0].name", "required", ABSENT, "user_id", "Required value"),
    Case("spec.schema.columns[0].name", "minLength", "", "u", "should be at least 1 chars long"),
    Case("spec.schema.columns[0].name", "maxLength", "u" * 64, "u" * 63, "may not be more than 63"),
    Case("spec.schema.columns[0].role", "required", ABSENT, "User", "Required value"),
    *(
        Case(
            "spec.schema.columns[1]",
            "rule",
            {**ITEM, **given},
            ITEM,
            "encoding, minRows and calendar of a column are for the tasks Tabular and Ranking: leave them out",
            about="spec",
        )
        for given in ({"encoding": "OneHot"}, {"minRows": 2})
    ),
    Case(
        "spec.schema.columns",
        "enum",
        [*COLUMNS, {"name": "rating", "role": "Rating"}],
        COLUMNS,
        'supported values: "User", "Item", "Timestamp", "Label"',
        about="spec.schema.columns[].role",
    ),
    Case(
        "spec.schema.columns",
        "rule",
        [*COLUMNS, {"name": "rating", "role": "Label"}],
        COLUMNS,
        "the roles of SequentialRecommendation and Retrieval are User, Item, Timestamp and Split only: "
        "leave out the other columns",
        about="spec",
    ),
    *(
        Case(
            "spec.schema.columns",
            "rule",
            wrong,
            COLUMNS,
            f"schema.columns must name exactly one {column['role']} column",
            about="spec",
        )
        for column in COLUMNS
        for wrong in ([other for other in COLUMNS if other is not column], [*COLUMNS, {**column, "name": "second"}])
    ),
    # Titles
    Case("spec.catalogue.uri", "required", ABSENT, "pvc://data/items.csv", "Required value"),
    Case("spec.catalogue.uri", "maxLength", path_of(513), path_of(512), "may not be more than 512"),
    Case("spec.catalogue.uri", "rule", "s3://bucket/items.csv", "pvc://bucket/items.csv", LOCATION),
    Case("spec.catalogue.uri", "rule", "pvc://data/../other", "pvc://data/other", LOCATION),
    Case("spec.catalogue.format", "enum", "Parquet", "CSV", 'supported values: "RecBole", "CSV"'),
    *(
        case
        for column in ("idColumn", "titleColumn")
        for case in (
            Case(f"spec.catalogue.{column}", "required", ABSENT, "name", "Required value"),
            Case(f"spec.catalogue.{column}", "minLength", "", "n", "should be at least 1 chars long"),
            Case(f"spec.catalogue.{column}", "maxLength", "n" * 64, "n" * 63, "may not be more than 63"),
        )
    ),
    # How it is judged
    Case("spec.evaluation", "required", ABSENT, BASE["spec"]["evaluation"], "Required value"),
    Case(
        "spec.evaluation.protocol",
        "enum",
        "RandomSplit",
        "ByTime",
        'supported values: "LeaveOneOut", "ByTime", "ByRatio", "ByColumn"',
    ),
    *(
        Case(
            "spec",
            "rule",
            _judged(ratio | {"folds": 5}, **changed),
            _judged(ratio, **changed),
            "evaluation.byRatio.folds is for the tasks Tabular and Ranking: folds are dealt at random, so a model of "
            "lists would learn from what users did after the rows that it is judged on. Leave folds out: each figure "
            "has an interval without them",
        )
        for changed in ({}, {"task": "Retrieval", "architecture": {"name": "TwoTower"}})
        for ratio in ({}, {"validationPercent": 5, "testPercent": 20})
    ),
    *(
        Case(
            "spec",
            "rule",
            _by_column(COLUMNS, **changed),
            _by_column([*COLUMNS, SPLIT], **changed),
            cases_tabular.NO_SPLIT,
        )
        for changed in ({}, {"task": "Retrieval", "architecture": {"name": "BPRMF"}})
    ),
    Case(
        "spec.schema.columns",
        "rule",
        [*COLUMNS, SPLIT, {"name": "second", "role": "Split"}],
        [*COLUMNS, SPLIT],
        "schema.columns must name at most one Split column",
        about="spec",
    ),
    Case(
        "spec.evaluation.metrics",
        "rule",
        ["NDCG@10", "AUC"],
        ["NDCG@10", "HR@10"],
        "the metrics of SequentialRecommendation and Retrieval are NDCG@k, HR@k and MRR@k",
        about="spec",
    ),
    Case(
        "spec.evaluation",
        "rule",
        {"protocol": "LeaveOneOut", "byTime": {}, "metrics": ["NDCG@10", "HR@10"]},
        {"byTime": {}, "metrics": ["NDCG@10", "HR@10"]},
        "evaluation.byTime needs evaluation.protocol ByTime: set that, or leave byTime out",
    ),
    *(
        Case(f"spec.evaluation.byTime.{share}", keyword, wrong, right, message)
        for share in ("validationPercent", "testPercent")
        for keyword, wrong, right, message in (
            ("minimum", 0, 1, "should be greater than or equal to 1"),
            ("maximum", 41, 40, "should be less than or equal to 40"),
        )
    ),
    Case("spec.evaluation.metrics", "required", ABSENT, ["NDCG@10"], "Required value"),
    Case(
        "spec.evaluation.metrics",
        "minItems",
        [],
        ["NDCG@10"],
        "should have at least 1 items",
        also=(FLOOR_METRIC, CHAMPION_METRIC),
    ),
    Case(
        "spec.evaluation.metrics",
        "maxItems",
        [f"NDCG@{cut}" for cut in range(10, 21)],
        [f"NDCG@{cut}" for cut in range(10, 20)],
        "must have at most 10 items",
    ),
    Case("spec.evaluation.metrics", "unique", ["NDCG@10", "NDCG@10"], ["NDCG@10", "NDCG@20"], "Duplicate value"),
    Case("spec.evaluation.metrics[1]", "pattern", "MAP@10", "MRR@10", METRIC),
    Case("spec.evaluation.metrics[1]", "pattern", "MRR@101", "MRR@100", METRIC),
    Case("spec.evaluation.metrics[1]", "pattern", "HR@0", "HR@1", METRIC),
    Case("spec.evaluation.metrics[1]", "maxLength", "HR@10".ljust(17, "0"), "HR@10", "may not be more than 16"),
    # Gates
    Case("spec.gates", "required", ABSENT, fillers(1), "Required value"),
    Case("spec.gates", "minItems", [], fillers(1), "should have at least 1 items"),
    Case("spec.gates", "maxItems", fillers(17), fillers(16), "must have at most 16 items"),
    Case("spec.gates", "unique", fillers(1) * 2, fillers(2), "Duplicate value"),
    Case("spec.gates[0].name", "required", ABSENT, "floor", "Required value"),
    Case("spec.gates[0].name", "minLength", "", "f", "should be at least 1 chars long"),
    Case("spec.gates[0].name", "maxLength", "f" * 41, "f" * 40, "may not be more than 40"),
    Case("spec.gates[0].name", "pattern", "Floor", "floor", NAME),
    Case(
        "spec.gates[0]",
        "rule",
        {"name": "floor"},
        {"name": "floor", "parity": {}},
        "a gate must set exactly one of: floor, champion, parity, latency",
    ),
    Case(
        "spec.gates[0]",
        "rule",
        {"name": "both", "latency": {"p99Milliseconds": 150}, "parity": {}},
        {"name": "both", "latency": {"p99Milliseconds": 150}},
        "a gate must set exactly one of: floor, champion, parity, latency",
    ),
    Case("spec.gates[0].floor.metric", "required", ABSENT, "NDCG@10", "Required value"),
    Case("spec.gates[0].floor.metric", "pattern", "ndcg@10", "NDCG@10", METRIC, also=(FLOOR_METRIC,)),
    Case("spec.gates[0].floor.metric", "maxLength", "NDCG@10".ljust(17, "0"), "NDCG@10", "may not be more than 16"),
    Case("spec.gates[0].floor.metric", "rule", "NDCG@20", "HR@10", FLOOR_METRIC, about="spec"),
    Case("spec.gates[0].floor", "rule", {"metric": "NDCG@10"}, {"metric": "NDCG@10", "min": "0.03"}, FLOOR),
    Case(
        "spec.gates[0].floor",
        "rule",
        {"metric": "NDCG@10", "min": "0.03", "against": "Popularity"},
        {"metric": "NDCG@10", "against": "Popularity"},
        FLOOR,
    ),
    Case(
        "spec.gates[0].floor",
        "enum",
        {"metric": "NDCG@10", "against": "Random"},
        {"metric": "NDCG@10", "against": "Popularity"},
        'supported values: "Popularity", "ItemKNN"',
        about="spec.gates[0].floor.against",
    ),
    Case("spec.gates[0].floor.min", "pattern", "3%", "0.03", DECIMAL, also=(LARGEST_FLOOR,)),
    Case("spec.gates[0].floor.min", "pattern", "NaN", "1", DECIMAL, also=(LARGEST_FLOOR,)),
    Case("spec.gates[0].floor.min", "maxLength", "0." + "0" * 31, "0.000000000001", "may not be more than 32"),
    Case(
        "spec.gates[0].floor.min",
        "rule",
        "-0.03",
        "0",
        "floor.min must not be negative: metrics are from 0 to 1",
        about="spec.gates[].floor",
    ),
    Case("spec.gates[0].floor.min", "rule", "5", "1", LARGEST_FLOOR, about="spec.gates[].floor"),
    Case("spec.gates[0].floor.min", "rule", "1.000001", "1.0", LARGEST_FLOOR, about="spec.gates[].floor"),
    Case("spec.gates[1].champion.metric", "required", ABSENT, "NDCG@10", "Required value"),
    Case("spec.gates[1].champion.metric", "pattern", "NDCG@", "NDCG@10", METRIC, also=(CHAMPION_METRIC,)),
    Case("spec.gates[1].champion.metric", "maxLength", "HR@10".ljust(17, "0"), "HR@10", "may not be more than 16"),
    Case("spec.gates[1].champion.metric", "rule", "HR@20", "HR@10", CHAMPION_METRIC, about="spec"),
    Case("spec.gates[1].champion.maxRegressionPercent", "required", ABSENT, 10, "Required value"),
    Case("spec.gates[1].champion.maxRegressionPercent", "minimum", -1, 0, "should be greater than or equal to 0"),
    Case("spec.gates[1].champion.maxRegressionPercent", "maximum", 101, 100, "should be less than or equal to 100"),
    Case("spec.gates[2].parity.tolerance", "pattern", ".00001", "0.00001", DECIMAL),
    Case("spec.gates[2].parity.tolerance", "maxLength", "0." + "0" * 31, "1e-12", "may not be more than 32"),
    Case(
        "spec.gates[2].parity.tolerance",
        "rule",
        "-1e-5",
        "1e-5",
        "parity.tolerance must not be negative",
        about="spec.gates[].parity",
    ),
    Case("spec.gates[2].parity.tolerance", "rule", "1e9", "0.01", LARGEST_TOLERANCE, about="spec.gates[].parity"),
    Case("spec.gates[2].parity.tolerance", "rule", "0.0101", "1e-2", LARGEST_TOLERANCE, about="spec.gates[].parity"),
    Case("spec.gates[3].latency.p99Milliseconds", "required", ABSENT, 150, "Required value"),
    Case("spec.gates[3].latency.p99Milliseconds", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case("spec.gates[3].latency.p99Milliseconds", "maximum", 60001, 60000, "should be less than or equal to 60000"),
    # Where it is kept, who is champion
    Case("spec.storage", "required", ABSENT, {"uri": "pvc://artifacts"}, "Required value"),
    Case("spec.storage.uri", "required", ABSENT, "pvc://artifacts", "Required value"),
    Case("spec.storage.uri", "maxLength", path_of(513), path_of(512), "may not be more than 512"),
    Case("spec.storage.uri", "rule", "/mnt/models", "pvc://mnt/models", LOCATION),
    Case("spec.championFrom.name", "required", ABSENT, "movies", "Required value"),
    Case("spec.championFrom.name", "minLength", "", "m", "should be at least 1 chars long"),
    Case("spec.championFrom.name", "maxLength", "m" * 41, "m" * 40, "may not be more than 40"),
    Case("spec.championFrom.name", "pattern", "other/movies", "movies", NAME),
    # What may not change
    Transition(
        "spec.task",
        "rule",
        "Retrieval",
        "SequentialRecommendation",
        "spec.task is immutable: make another RecModel",
        also=(RETRIEVAL,),
    ),
    Transition(
        "spec.storage",
        "rule",
        {"uri": "pvc://artifacts/elsewhere"},
        {"uri": "pvc://artifacts/models"},
        "spec.storage is immutable: versions live there",
    ),
    *cases_tabular.CASES,
    *cases_ranking.CASES,
]
