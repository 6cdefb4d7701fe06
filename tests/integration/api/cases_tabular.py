"""RecModel of the task Tabular: one wrong manifest and its correction for each rule and bound that it brings."""

from typing import Any

from tests.integration.api.case import Case, Manifest, Transition

NUMBER = {"name": "tenure", "role": "Numeric", "type": "Number", "missing": "Impute"}
CATEGORY = {"name": "plan", "role": "Categorical", "encoding": "Hashed", "buckets": 64}
LABEL = {"name": "churned", "role": "Label", "positive": "yes"}
TIME = {"name": "day", "role": "Timestamp"}
SPLIT = {"name": "part", "role": "Split"}
WEIGHT = {"name": "weight", "role": "Weight"}
SIGNUP = {
    "name": "signup",
    "role": "Calendar",
    "encoding": "Cyclic",
    "calendar": ["Hour", "Weekday"],
    "unit": "Milliseconds",
    "missing": "Impute",
}
NOTE = {"name": "note", "role": "Text", "maxFeatures": 100, "missing": "Impute"}
GROUP = {"name": "household", "role": "Group"}
ZERO = {"name": "calls", "role": "Numeric", "missing": "Constant", "fill": "0"}
COLUMNS = [NUMBER, CATEGORY, LABEL, TIME, SPLIT, WEIGHT, SIGNUP, NOTE, GROUP, ZERO]
OF_IDS = "the type of a column with the role User or Item or Categorical or Split or Group is Text, Integer, Boolean"
METRICS = ["LogLoss", "Accuracy"]
GATES = [
    {"name": "floor", "floor": {"metric": "Accuracy", "min": "0.8"}},
    {"name": "ceiling", "floor": {"metric": "LogLoss", "max": "0.5"}},
    {"name": "champion", "champion": {"metric": "LogLoss", "maxRegressionPercent": 2}},
    {"name": "parity", "parity": {"tolerance": "1e-5"}},
]

BASE: Manifest = {
    "apiVersion": "recsys.dev/v1alpha1",
    "kind": "RecModel",
    "metadata": {"name": "churn"},
    "spec": {
        "task": "Tabular",
        "objective": "Binary",
        "architecture": {"name": "MLP"},
        "schema": {"columns": COLUMNS},
        "evaluation": {
            "protocol": "ByRatio",
            "byRatio": {"validationPercent": 10, "testPercent": 20, "folds": 5},
            "excludeSeen": True,
            "metrics": METRICS,
        },
        "gates": GATES,
        "storage": {"uri": "pvc://artifacts/models"},
        "championFrom": {"name": "churn"},
    },
}

CATALOGUE = {"uri": "pvc://data/items.csv", "format": "CSV", "idColumn": "id", "titleColumn": "title"}
FLOOR_MAX = "a floor has max, and no min, if its metric is better when smaller (LogLoss, RMSE, MAE), and only then"
FEATURES = (
    "schema.columns must name at least one column with a role to learn from for the task Tabular: "
    "Numeric, Categorical, Calendar, Text"
)
CYCLIC = (
    "the encoding of a column of times (role Calendar, or with calendar) is OneHot or Cyclic, "
    "and of others it is not Cyclic"
)
CONSTANT = "a column has fill if and only if its missing is Constant"
MEAN = "missing: Mean is for columns with the role Numeric: use another"
FREQUENT = "missing: Mode and ForwardFill are for columns with the role Numeric or Categorical: use Impute or Constant"
A_NUMBER = (
    "fill of a Numeric column must be a number, such as 0 or -1.5e3, of at most 17 digits before and after the point"
)
A_TIME = (
    "fill of a Calendar column must be an ISO 8601 date or time, such as 2026-01-31, or a number of its unit since 1970"
)
CARRIED = "missing: ForwardFill of a column needs a column with the role Timestamp in schema.columns"
FILLS: list[tuple[int, dict[str, Any], dict[str, Any], str]] = [
    (0, {"missing": "Constant"}, {"missing": "Constant", "fill": "-1.5e-3"}, CONSTANT),
    (0, {"missing": "Mean", "fill": "0"}, {"missing": "Mean"}, CONSTANT),
    (0, {"fill": "0"}, {}, CONSTANT),
    (1, {"missing": "Mean"}, {"missing": "Mode"}, MEAN),
    (6, {"missing": "Mode"}, {"missing": "Constant", "fill": "2026-01-31T08:30:00.5+01:00"}, FREQUENT),
    (6, {"missing": "ForwardFill"}, {"missing": "Constant", "fill": "-1769848200000"}, FREQUENT),
    (7, {"missing": "Mode"}, {"missing": "Constant", "fill": "nothing said"}, FREQUENT),
    *(
        (9, {"missing": "Constant", "fill": wrong}, {"missing": "Constant", "fill": right}, A_NUMBER)
        for wrong, right in (("none", "0"), ("1e999", "1e99"), ("NaN", "12345678901234567"), ("1,5", "1.5"))
    ),
    (6, {"missing": "Constant", "fill": "31.1.2026"}, {"missing": "Constant", "fill": "2026-01-31"}, A_TIME),
]
"""Which of COLUMNS, what is wrong and right there of missing values, and what is said."""
CUT = (
    "the protocol ByTime, the default, may cut a group in two: set spec.evaluation.protocol to ByRatio or ByColumn, or "
    "leave out the column with the role Group"
)
NO_TIME = (
    "the protocol ByTime, the default, needs a column with the role Timestamp in schema.columns: name one, or set "
    "spec.evaluation.protocol to ByRatio or ByColumn"
)
NO_SPLIT = (
    "the protocol ByColumn needs a column with the role Split in schema.columns: name one, or set another protocol"
)
OBJECTIVE = "spec.objective must be set for the task Tabular (Binary, Multiclass or Regression), and for no other"


def _spec(**changed: Any) -> dict[str, Any]:
    """The base's spec with other fields; None takes one away."""
    spec = {**BASE["spec"], **changed}
    return {name: value for name, value in spec.items() if value is not None}


def _of_spec(wrong: dict[str, Any], right: dict[str, Any], message: str, *also: str) -> Case:
    return Case("spec", "rule", wrong, right, message, also=also, base=BASE)


def _columns(wrong: list[dict[str, Any]], message: str, right: list[dict[str, Any]] | None = None) -> Case:
    return Case("spec.schema.columns", "rule", wrong, right or COLUMNS, message, about="spec", base=BASE)


def _column(index: int, wrong: dict[str, Any], message: str) -> Case:
    return Case(f"spec.schema.columns[{index}]", "rule", wrong, COLUMNS[index], message, base=BASE)


def _filled(index: int, wrong: dict[str, Any], right: dict[str, Any], message: str) -> Case:
    """A column of COLUMNS without what it says of missing values, but with something else."""
    column = {name: value for name, value in COLUMNS[index].items() if name not in ("missing", "fill")}
    return Case(f"spec.schema.columns[{index}]", "rule", column | wrong, column | right, message, base=BASE)


def _evaluation(protocol: str | None, metrics: list[str] | None = None) -> dict[str, Any]:
    return {**({"protocol": protocol} if protocol else {}), "metrics": metrics or METRICS}


def _less(*gone: dict[str, Any]) -> list[dict[str, Any]]:
    return [column for column in COLUMNS if column not in gone]


CASES: list[Case] = [
    # What is learned
    Case(
        "spec.objective",
        "enum",
        "Ordinal",
        "Binary",
        'supported values: "Binary", "Multiclass", "Regression"',
        base=BASE,
    ),
    _of_spec(_spec(objective=None), _spec(), OBJECTIVE),
    Case(
        "spec.architecture.name",
        "rule",
        "SASRec",
        "Linear",
        "the task Tabular needs one of the architectures Linear, MLP: correct spec.architecture.name or spec.task",
        about="spec",
        base=BASE,
    ),
    Transition(
        "spec.objective",
        "rule",
        "Multiclass",
        "Binary",
        "spec.objective is immutable: make another RecModel",
        about="spec",
        also=("positive of a Label column needs the objective Binary",),
        base=BASE,
    ),
    # From which columns
    _columns(_less(LABEL), "schema.columns must name exactly one Label column for the task Tabular"),
    _columns(
        [*COLUMNS, {"name": "second", "role": "Label"}],
        "schema.columns must name exactly one Label column for the task Tabular",
    ),
    _columns(
        _less(NUMBER, CATEGORY, SIGNUP, NOTE, ZERO),
        FEATURES,
        [*_less(NUMBER, CATEGORY, SIGNUP, NOTE, ZERO, TIME), {**TIME, "calendar": ["Hour"]}],
    ),
    _columns(
        [*COLUMNS, {"name": "user", "role": "User"}],
        "the task Tabular has no User and no Item: give such a column the role Categorical, or leave it out",
        [*COLUMNS, {"name": "user", "role": "Categorical"}],
    ),
    *(
        _columns(
            [*COLUMNS, {"name": "second", "role": column["role"]}],
            f"schema.columns must name at most one {column['role']} column",
        )
        for column in (TIME, SPLIT, WEIGHT, GROUP)
    ),
    _column(
        1,
        {"name": "plan", "role": "Categorical", "encoding": "Hashed"},
        "a column has buckets if and only if its encoding is Hashed",
    ),
    _column(
        1,
        {"name": "plan", "role": "Categorical", "encoding": "OneHot", "buckets": 64},
        "a column has buckets if and only if its encoding is Hashed",
    ),
    _column(
        0,
        {"name": "tenure", "role": "Numeric", "encoding": "OneHot"},
        "encoding is for columns with the role Categorical, User, Item or Calendar, or with calendar: leave it out",
    ),
    _column(
        2,
        {"name": "churned", "role": "Label", "missing": "Impute"},
        "missing is for columns with the role Numeric, Categorical, Calendar or Text: leave it out",
    ),
    # What becomes of missing values
    *(_filled(index, wrong, right, message) for index, wrong, right, message in FILLS),
    Case(
        "spec.schema",
        "rule",
        {"columns": [*_less(TIME), {"name": "seats", "role": "Numeric", "missing": "ForwardFill"}]},
        {"columns": [*COLUMNS, {"name": "seats", "role": "Categorical", "missing": "ForwardFill"}]},
        CARRIED,
        base=BASE,
    ),
    Case(
        "spec.schema.columns[7]",
        "minLength",
        {**NOTE, "missing": "Constant", "fill": ""},
        {**NOTE, "missing": "Constant", "fill": "none"},
        "should be at least 1 chars long",
        about="spec.schema.columns[7].fill",
        base=BASE,
    ),
    *(
        _column(
            index,
            wrong,
            CYCLIC,
        )
        for index, wrong in (
            (1, {"name": "plan", "role": "Categorical", "encoding": "Cyclic"}),
            (6, {"name": "signup", "role": "Calendar", "encoding": "Vocabulary"}),
            (3, {"name": "day", "role": "Timestamp", "calendar": ["Day"], "encoding": "Vocabulary"}),
        )
    ),
    _column(
        0,
        {"name": "tenure", "role": "Numeric", "calendar": ["Hour"]},
        "calendar is for columns with the role Calendar or Timestamp: leave it out",
    ),
    _column(
        0,
        {"name": "tenure", "role": "Numeric", "maxFeatures": 100},
        "maxFeatures is for columns with the role Text: leave it out",
    ),
    *(
        Case(
            f"spec.schema.columns[{index}].type",
            "rule",
            wrong,
            right,
            message,
            about=f"spec.schema.columns[{index}]",
            base=BASE,
        )
        for index, wrong, right, message in (
            (0, "Text", "Number", "the type of a column with the role Numeric or Weight is Integer, Number, Boolean"),
            (
                1,
                "Time",
                "Text",
                OF_IDS,
            ),
            (2, "Time", "Boolean", "the type of a column with the role Label is Text, Integer, Number, Boolean"),
            (3, "Text", "Time", "the type of a column with the role Timestamp or Calendar is Time, Integer, Number"),
            (7, "Integer", "Text", "the type of a column with the role Text is Text"),
        )
    ),
    Case(
        "spec.schema.columns[0].type",
        "enum",
        "Float",
        "Number",
        'supported values: "Text", "Integer", "Number", "Boolean", "Time"',
        base=BASE,
    ),
    _column(
        3,
        {"name": "day", "role": "Timestamp", "unit": "Seconds"},
        "unit is for columns with the role Calendar, or with calendar: leave it out",
    ),
    _column(
        0,
        {"name": "tenure", "role": "Numeric", "positive": "1"},
        "positive is for the column with the role Label: leave it out",
    ),
    _of_spec(
        _spec(objective="Multiclass"),
        _spec(objective="Multiclass", schema={"columns": [*_less(LABEL), {"name": "churned", "role": "Label"}]}),
        "positive of a Label column needs the objective Binary",
    ),
    *(
        Case(f"spec.schema.columns[{index}].{field}", keyword, wrong, right, message, base=BASE)
        for index, field, keyword, wrong, right, message in (
            (1, "encoding", "enum", "Target", "Hashed", 'supported values: "OneHot", "Hashed", "Vocabulary", "Cyclic"'),
            (6, "calendar[0]", "enum", "Year", "Month", 'supported values: "Hour", "Weekday", "Day", "Month"'),
            (6, "calendar", "minItems", [], ["Day"], "should have at least 1 items"),
            (6, "calendar", "unique", ["Day", "Day"], ["Day", "Hour"], "Duplicate value"),
            (
                6,
                "unit",
                "enum",
                "Minutes",
                "Seconds",
                'supported values: "Seconds", "Milliseconds", "Microseconds", "N',
            ),
            (7, "maxFeatures", "minimum", 0, 1, "should be greater than or equal to 1"),
            (7, "maxFeatures", "maximum", 4097, 4096, "should be less than or equal to 4096"),
            (1, "buckets", "minimum", 1, 2, "should be greater than or equal to 2"),
            (1, "buckets", "maximum", 1000001, 1000000, "should be less than or equal to 1000000"),
            (
                0,
                "missing",
                "enum",
                "Median",
                "Mean",
                'supported values: "Fail", "Impute", "Constant", "Mean", "Mode", "ForwardFill"',
            ),
            (9, "fill", "maxLength", "0" * 257, "0", "may not be more than 256"),
            (2, "positive", "minLength", "", "y", "should be at least 1 chars long"),
            (2, "positive", "maxLength", "y" * 257, "y" * 256, "may not be more than 256"),
        )
    ),
    Case(
        "spec.schema.columns[6].calendar",
        "maxItems",
        ["Hour", "Weekday", "Day", "Month", "Hour"],
        ["Hour", "Weekday", "Day", "Month"],
        "must have at most 4 items",
        also=("Duplicate value",),
        base=BASE,
    ),
    # How it is judged
    Case(
        "spec.evaluation",
        "rule",
        _evaluation("LeaveOneOut"),
        _evaluation("ByColumn"),
        "spec.evaluation.protocol must be one for the task Tabular: ByTime, ByRatio, ByColumn",
        about="spec",
        base=BASE,
    ),
    *(
        _of_spec(
            _spec(evaluation=_evaluation(protocol)),
            _spec(evaluation=_evaluation(protocol), schema={"columns": _less(GROUP)}),
            CUT,
        )
        for protocol in ("ByTime", None)
    ),
    *(
        _of_spec(
            _spec(evaluation=_evaluation(protocol), schema={"columns": _less(column, GROUP)}),
            _spec(evaluation=_evaluation(protocol), schema={"columns": _less(GROUP)}),
            message,
        )
        for protocol, column, message in (
            ("ByTime", TIME, NO_TIME),
            (None, TIME, NO_TIME),
            ("ByColumn", SPLIT, NO_SPLIT),
        )
    ),
    Case(
        "spec.evaluation",
        "rule",
        {"protocol": "ByColumn", "byRatio": {}, "metrics": METRICS},
        {"protocol": "ByRatio", "byRatio": {}, "metrics": METRICS},
        "evaluation.byRatio needs evaluation.protocol ByRatio: set that, or leave byRatio out",
        base=BASE,
    ),
    *(
        Case(f"spec.evaluation.byRatio.{share}", keyword, wrong, right, message, base=BASE)
        for share in ("validationPercent", "testPercent")
        for keyword, wrong, right, message in (
            ("minimum", 0, 1, "should be greater than or equal to 1"),
            ("maximum", 41, 40, "should be less than or equal to 40"),
        )
    ),
    Case("spec.evaluation.byRatio.folds", "minimum", 1, 2, "should be greater than or equal to 2", base=BASE),
    Case("spec.evaluation.byRatio.folds", "maximum", 21, 20, "should be less than or equal to 20", base=BASE),
    Case(
        "spec.evaluation.metrics",
        "rule",
        [*METRICS, "RMSE"],
        [*METRICS, "AUC"],
        "the metrics of the objective Binary are AUC, LogLoss, Accuracy, Precision, Recall, F1",
        about="spec",
        base=BASE,
    ),
    *(
        _of_spec(
            _spec(
                objective=objective,
                schema={"columns": [NUMBER, {"name": "y", "role": "Label"}]},
                evaluation=_evaluation("ByRatio", wrong),
                gates=GATES[3:],
            ),
            _spec(
                objective=objective,
                schema={"columns": [NUMBER, {"name": "y", "role": "Label"}]},
                evaluation=_evaluation("ByRatio", right),
                gates=GATES[3:],
            ),
            message,
        )
        for objective, wrong, right, message in (
            (
                "Multiclass",
                ["AUC"],
                ["F1"],
                "the metrics of the objective Multiclass are LogLoss, Accuracy, Precision, Recall, F1",
            ),
            ("Regression", ["Accuracy"], ["MAE"], "the metrics of the objective Regression are RMSE, MAE"),
        )
    ),
    Case(
        "spec.evaluation.excludeSeen",
        "rule",
        False,
        True,
        "evaluation.excludeSeen is for lists of items, which the task Tabular does not make: leave it out",
        about="spec",
        base=BASE,
    ),
    _of_spec(_spec(catalogue=CATALOGUE), _spec(), "the task Tabular has no items, and so no catalogue: leave it out"),
    # Gates
    Case("spec.gates[1].floor", "rule", {"metric": "LogLoss", "min": "0.5"}, GATES[1]["floor"], FLOOR_MAX, base=BASE),
    Case("spec.gates[0].floor", "rule", {"metric": "Accuracy", "max": "1"}, GATES[0]["floor"], FLOOR_MAX, base=BASE),
    Case(
        "spec.gates[0].floor",
        "rule",
        {"metric": "Accuracy", "against": "Popularity"},
        GATES[0]["floor"],
        "floor.against is for metrics of lists (NDCG@k, HR@k, MRR@k): give a min or max",
        base=BASE,
    ),
    Case("spec.gates[1].floor.max", "pattern", "3%", "0.03", "should match '^-?(0|[1-9]", base=BASE),
    Case(
        "spec.gates[1].floor.max",
        "rule",
        "-0.1",
        "999999999",
        "floor.max must not be negative, or no version would ever pass: LogLoss, RMSE and MAE never are",
        about="spec.gates[].floor",
        base=BASE,
    ),
    Case(
        "spec.gates[1].floor.max", "maxLength", "0." + "0" * 31, "0.000000000001", "may not be more than 32", base=BASE
    ),
    Case(
        "spec.gates[0].floor",
        "rule",
        {"metric": "Accuracy", "min": "0.8", "against": "Popularity"},
        GATES[0]["floor"],
        "a floor must set exactly one of: min, max, against",
        also=("floor.against is for metrics of lists",),
        base=BASE,
    ),
]
