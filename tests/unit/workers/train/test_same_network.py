"""Where a run's network differs from that of a version's weights."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.workers.train.test_publish import describe

from recsys_workers.manifest import Manifest
from recsys_workers.models.hyperparameters import check
from recsys_workers.train import run_config
from recsys_workers.train.same_network import differences

COLUMNS: list[dict[str, Any]] = [
    {"name": "user", "role": "User"},
    {"name": "item", "role": "Item", "minRows": 2},
    {"name": "price", "role": "Numeric"},
    {"name": "city", "role": "Categorical", "encoding": "Hashed", "buckets": 64, "missing": "Impute"},
    {"name": "day", "role": "Timestamp"},
    {"name": "click", "role": "Label", "positive": "yes"},
    {"name": "since", "role": "Calendar", "encoding": "Cyclic"},
    {"name": "query", "role": "Text"},
    {"name": "age", "role": "Numeric", "missing": "Constant", "fill": "0"},
]


def version(**changes: Any) -> Manifest:
    made = replace(
        describe(3, []),
        task="Ranking",
        architecture="DCNv2",
        hyperparameters=check("DCNv2", {}).text,
        protocol={"objective": "Binary"},
        schema=COLUMNS,
    )
    return replace(made, **changes)


def told(document: dict[str, Any], described: Manifest, **changes: Any) -> list[str]:
    asked = {
        **document,
        "task": "Ranking",
        "architecture": "DCNv2",
        "hyperparameters": {},
        "schema": {"columns": COLUMNS},
        **changes,
    }
    config = run_config.parse(asked)
    found = differences(described, config, check(config.architecture, config.hyperparameters))
    return [one.text(3) for one in found]


def test_the_same_network_differs_nowhere(document: dict[str, Any]) -> None:
    assert told(document, version()) == []


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (0, {"encoding": "Vocabulary"}),
        (1, {"minRows": 9}),
        (2, {"missing": "Fail"}),
        (4, {"name": "at"}),
        (4, {"name": "part", "role": "Split"}),
        (4, {"name": "shop", "role": "Group"}),
        (6, {"unit": "Milliseconds"}),
        (6, {"calendar": ["Weekday", "Month", "Hour"]}),
        (7, {"maxFeatures": 9}),
    ],
)
def test_what_weights_do_not_depend_on_may_change(
    document: dict[str, Any], number: int, change: dict[str, Any]
) -> None:
    columns = [column | change if position == number else column for position, column in enumerate(COLUMNS)]
    assert told(document, version(), schema={"columns": columns}) == []


@pytest.mark.parametrize(
    ("number", "change", "said"),
    [
        (2, {"role": "Categorical"}, "is Numeric in version 3 and Categorical (encoding OneHot) in this run"),
        (2, {"missing": "Impute"}, "is Numeric in version 3 and Numeric (missing Impute) in this run"),
        (3, {"buckets": 65}, "(encoding Hashed, buckets 64, missing Impute) in version 3 and Categorical (enc"),
        (5, {"positive": "no"}, "is Label (positive yes) in version 3 and Label (positive no) in this run"),
        (4, {"calendar": ["Hour"]}, "is absent in version 3 and Timestamp (encoding OneHot, calendar Hour) in"),
        (6, {"encoding": "OneHot"}, "(encoding Cyclic, calendar Hour Month Weekday) in version 3 and Calendar (enc"),
        (6, {"calendar": ["Day"]}, "in version 3 and Calendar (encoding Cyclic, calendar Day) in this run"),
        (7, {"missing": "Impute"}, "is Text in version 3 and Text (missing Impute) in this run"),
        (2, {"missing": "Mean"}, "is Numeric in version 3 and Numeric (missing Mean) in this run"),
        (8, {"fill": "9"}, "(missing Constant, fill 0) in version 3 and Numeric (missing Constant, fill 9) in"),
        (8, {"missing": "Mode", "fill": None}, "(missing Constant, fill 0) in version 3 and Numeric (missing Mode) in"),
        (1, {"encoding": "OneHot"}, "is Item (encoding Vocabulary) in version 3 and Item (encoding OneHot) in"),
    ],
)  # fmt: skip
def test_another_column_is_told(document: dict[str, Any], number: int, change: dict[str, Any], said: str) -> None:
    columns = [column | change if position == number else column for position, column in enumerate(COLUMNS)]
    (found,) = told(document, version(), schema={"columns": columns})
    assert found.startswith(f"schema.columns[{COLUMNS[number]['name']}] ")
    assert said in found


def test_the_order_of_the_columns_counts_for_rows(document: dict[str, Any]) -> None:
    (found,) = told(document, version(), schema={"columns": COLUMNS[::-1]})
    assert found == (
        "the order of schema.columns is user, item, price, city, click, since, query, age in version 3 and age, query, "
        "since, click, city, price, item, user in this run"
    )


def test_a_hyperparameter_that_the_version_did_not_have_had_its_default(document: dict[str, Any]) -> None:
    text = {name: value for name, value in check("DCNv2", {}).text.items() if name != "crossRank"}
    assert told(document, version(hyperparameters=text)) == []
    assert told(document, version(hyperparameters=text), hyperparameters={"crossRank": "4"}) == [
        "the hyperparameter crossRank is 0 in version 3 and 4 in this run"
    ]


def test_one_number_may_be_written_in_two_ways(document: dict[str, Any]) -> None:
    text = {**check("DCNv2", {}).text, "layers": "+2"}
    assert told(document, version(hyperparameters=text), hyperparameters={"layers": "02"}) == []


def test_another_task_hides_what_else_differs(document: dict[str, Any]) -> None:
    found = told(document, version(task="Tabular", architecture="MLP", schema=[], hyperparameters={}))
    assert found == [
        "spec.task is Tabular in version 3 and Ranking in this run",
        "spec.architecture.name is MLP in version 3 and DCNv2 in this run",
    ]
