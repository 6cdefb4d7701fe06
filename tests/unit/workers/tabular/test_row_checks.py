"""What a Tabular run refuses before Ray starts: reason, and a sentence with file, column and rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.workers.refusals import check_refusal, outcome
from tests.unit.workers.tabular.tables import COLUMNS, ROWS, document, rows

from recsys_workers.tabular.cells import _not_numbers

Table = list[dict[str, Any]]
FILE = "data/customers.csv"


def every(**values: Any) -> Callable[[Table], None]:
    """The same values in all rows."""

    def change(table: Table) -> None:
        for row in table:
            row.update(values)

    return change


def first(**values: Any) -> Callable[[Table], None]:
    """Values of the first row."""
    return lambda table: table[0].update(values)


WRONG_ROWS: list[tuple[Callable[[Table], None], str]] = [
    (lambda table: [row.pop("plan") for row in table] and None, "customers.csv has no column 'plan'"),
    (first(tenure="old"), f"the column 'tenure' holds 'old' in line 2, which is no number; so do 1 of its {ROWS} rows"),
    (first(tenure="1_000"), f"holds '1_000' in line 2, which is no number; so do 1 of its {ROWS} rows"),
    (first(tenure="１２"), f"holds '１２' in line 2, which is no number; so do 1 of its {ROWS} rows"),
    (first(tenure="inf"), "the column 'tenure' holds inf in line 2"),
    (first(tenure=None), f"line 2: the column 'tenure' is empty, and so in 1 of {ROWS} rows"),
    (first(label="NaN"), "the label column 'label' holds 'NaN', and 1 of 60 rows hold neither 0 nor 1"),
    (first(label=None), f"line 2: the label column 'label' is empty, and so in 1 of {ROWS} rows"),
    (first(label=2), f"line 2: the label column 'label' holds '2', and 1 of {ROWS} rows hold neither 0 nor 1"),
    (every(label=1), "is '1' in all"),
    (every(idle=None), "the column 'idle' is empty in all 24 training rows"),
    (every(tenure=1e308), "too large to be averaged"),
]


@pytest.mark.parametrize(("change", "said"), WRONG_ROWS, ids=[said[-30:] for _, said in WRONG_ROWS])
def test_wrong_rows(
    change: Callable[[Table], None], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rows()
    change(table)
    code, reason, message = outcome(document(tmp_path, monkeypatch, table), tmp_path)
    assert (code, reason) == (2, "InvalidData")
    assert said in message
    assert FILE in message


@pytest.mark.parametrize(("label", "told"), [(1e200, "1e+200"), (-2e30, "-2e+30")])
def test_a_label_that_the_graph_cannot_predict(
    label: float, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = [{**row, "label": label if number > 57 else number} for number, row in enumerate(rows())]
    made = document(tmp_path, monkeypatch, table)
    made |= {"objective": "Regression", "gates": [{"name": "near", "floor": {"metric": "RMSE", "max": "9"}}]}
    made["evaluation"]["metrics"] = ["RMSE"]
    code, reason, message = outcome(made, tmp_path)
    assert (code, reason) == (2, "InvalidData")
    said = f"customers.csv, line 60: the label column 'label' holds {told}, and 2 of {ROWS} rows hold more than 1e+30"
    assert said in message


@given(st.text(st.sampled_from("0159.eE+-nanNifty_ x１"), max_size=9))
def test_a_cell_is_no_number_where_arrow_says_so(text: str) -> None:
    column = pa.chunked_array([pa.array(["1", text, None])])
    try:
        column.cast(pa.float64())
    except pa.ArrowInvalid:
        assert _not_numbers(column) == (1, 1)
    else:
        assert _not_numbers(column) == (-1, 0)


def with_columns(*more: dict[str, Any], **changed: dict[str, Any]) -> list[dict[str, Any]]:
    """The schema with further columns, and with some changed by name."""
    return [*({**column, **changed.get(column["name"], {})} for column in COLUMNS), *more]


SPLIT, DAY, WEIGHT = (
    {"name": name, "role": role} for name, role in (("part", "Split"), ("day", "Timestamp"), ("weight", "Weight"))
)
MANY = [{**row, "plan": f"plan-{number}"} for number, row in enumerate(rows(4000))]


@pytest.mark.parametrize(
    ("columns", "protocol", "change", "said"),
    [
        (
            with_columns(SPLIT),
            "ByColumn",
            first(part="holdout"),
            "'part' holds 'holdout', and another value than train",
        ),
        (with_columns(SPLIT), "ByColumn", every(part="train"), "60 train, 0 validation, 0 test: nothing is left for"),
        (with_columns(DAY), "ByTime", every(day=3), "0 train, 0 validation, 60 test: nothing is left for train"),
        (
            with_columns(DAY),
            "ByTime",
            first(day=None),
            "the column 'day' is empty, and so in 1 of 60 rows",
        ),
        (with_columns(), "ByTime", every(), "needs a column with the role Timestamp"),
        (with_columns(), "ByColumn", every(), "needs a column with the role Split"),
        (
            with_columns(WEIGHT),
            "ByRatio",
            first(weight=-1),
            "the weight column 'weight' is negative, and so in 1 of 60",
        ),
        (with_columns(WEIGHT), "ByRatio", every(weight=0), "the weight column 'weight' is 0 in all 24 training rows"),
        (
            with_columns(label={"positive": "yes"}),
            "ByRatio",
            every(),
            "is never 'yes', which schema.columns calls posi",
        ),
        (with_columns(label={"positive": "1"}), "ByRatio", first(label=7), "has 2 values besides '1' ('0', '7')"),
        (
            with_columns({"name": "user", "role": "User"}),
            "ByRatio",
            every(user="u"),
            "the role User, which Tabular does",
        ),
        (
            with_columns(plan={"encoding": "Ordinal"}),
            "ByRatio",
            every(),
            "'plan' has the encoding Ordinal: use OneHot,",
        ),
        (
            with_columns(plan={"missing": "Median"}),
            "ByRatio",
            every(),
            "'plan' has missing: Median: use Fail, Impute, Con",
        ),
        (with_columns(plan={"encoding": "Hashed"}), "ByRatio", every(), "both encoding Hashed and buckets, or neither"),
    ],
)
def test_wrong_schemas_splits_and_weights(
    columns: list[dict[str, Any]],
    protocol: str,
    change: Callable[[Table], None],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = rows()
    change(table)
    made = document(tmp_path, monkeypatch, table)
    made["schema"]["columns"] = columns
    made["evaluation"]["protocol"] = protocol
    code, reason, message = outcome(made, tmp_path)
    assert (code, reason) == (2, "InvalidData")
    assert said in message


def test_too_many_values_for_one_hot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, reason, message = outcome(document(tmp_path, monkeypatch, MANY), tmp_path)
    assert (code, reason) == (2, "InvalidData")
    assert "the column 'plan' has 1600 values in 1600 training rows, and one-hot codes at most 1000" in message


def test_a_class_that_no_training_row_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = rows()
    made = document(
        tmp_path, monkeypatch, [{**row, "label": "new" if row["part"] == "test" else row["label"]} for row in table]
    )
    made["objective"] = "Multiclass"
    made["schema"]["columns"] = with_columns(SPLIT)
    made["evaluation"] |= {"protocol": "ByColumn", "metrics": ["Accuracy"]}
    code, reason, message = outcome(made, tmp_path)
    assert (code, reason) == (2, "InvalidData")
    assert (
        "line 5: the label column 'label' holds 'new', and 15 of 60 rows hold a class that no training row" in message
    )


@pytest.mark.parametrize(
    ("path", "value", "reason", "said"),
    [
        (["objective"], None, "InvalidRunConfig", "The objective None is not supported: use one of Binary, Multi"),
        (
            ["architecture"],
            "SASRec",
            "InvalidRunConfig",
            "SASRec is for the task SequentialRecommendation, not for Tabular",
        ),
        (["hyperparameters"], {"maskProbability": "0.1"}, "InvalidHyperparameters", "no hyperparameter 'maskProb"),
        (["evaluation", "protocol"], "LeaveOneOut", "InvalidEvaluation", "use ByRatio or ByTime or ByColumn"),
        (["evaluation", "metrics"], ["RMSE"], "InvalidEvaluation", "'RMSE' does not exist for the objective Binary"),
        (["evaluation", "metrics"], ["NDCG@10"], "InvalidEvaluation", "'NDCG@10' does not exist for the objective"),
        (["gates"], [{"name": "x", "floor": {"metric": "LogLoss", "min": "1"}}], "InvalidGate", "'max' is missing"),
        (
            ["gates"],
            [{"name": "x", "floor": {"metric": "AUC", "against": "Popularity"}}],
            "InvalidGate",
            "must name a min",
        ),
        (
            ["cleaning"],
            {"minUserInteractions": 2},
            "InvalidData",
            "is for users and items, and a Tabular model has none",
        ),
        (["schema", "columns", 0, "type"], "Integer", "InvalidData", "which is not of the type Integer; so do"),
        (
            ["cleaning"],
            {"bounds": [{"column": "plan", "min": "3"}]},
            "InvalidData",
            "cleaning.bounds names the column 'plan'; columns of numbers are: tenure",
        ),
        (
            ["cleaning"],
            {"quantiles": [{"column": "age", "lower": "0.5"}]},
            "InvalidData",
            "cleaning.quantiles names the column 'age'",
        ),
        (
            ["cleaning"],
            {"bounds": [{"column": "tenure", "min": "1e9"}]},
            "InvalidData",
            "none of the 60 rows: bounds dropped 60",
        ),
        (["cleaning"], {"timeWindow": {"from": 3}}, "InvalidData", "needs a column with the role Timestamp"),
    ],
)
def test_what_is_not_built_for_rows(
    path: list[str], value: Any, reason: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refusal(document(tmp_path, monkeypatch), tmp_path, path, value, reason, said)
