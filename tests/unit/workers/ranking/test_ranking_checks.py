"""What a Ranking run refuses before Ray starts."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.ranking.clicks import COLUMNS, document, rows
from tests.unit.workers.refusals import check_refusal, outcome

from recsys_workers.data.files import list_files
from recsys_workers.tabular import data, schema
from recsys_workers.train import run_config


def changed(name: str, **values: Any) -> list[dict[str, Any]]:
    return [{**column, **values} if column["name"] == name else column for column in COLUMNS]


def without(name: str) -> list[dict[str, Any]]:
    return [column for column in COLUMNS if column["name"] != name]


@pytest.mark.parametrize(
    ("path", "value", "reason", "said"),
    [
        (["schema", "columns"], without("user"), "InvalidData", "no column with the role User: add it"),
        (["schema", "columns"], changed("price", role="Item"), "InvalidData", "gives the role Item to item, price"),
        (
            ["schema", "columns"],
            changed("item", encoding="Hashed", minRows=None),
            "InvalidData",
            "both encoding Hashed",
        ),
        (
            ["schema", "columns"],
            changed("device", minRows=2),
            "InvalidData",
            "'device' has minRows, which is for the en",
        ),
        (["schema", "columns"], without("day"), "InvalidData", "ByTime needs a column with the role Timestamp"),
        (
            ["schema", "columns"],
            changed("item", role="Category"),
            "InvalidData",
            "role Category, which Ranking does not",
        ),
        (
            ["architecture"],
            "MLP",
            "InvalidRunConfig",
            "MLP is for the task Tabular, not for Ranking: use DCNv2 or Logist",
        ),
        (["hyperparameters"], {"crossRank": "2000"}, "InvalidHyperparameters", "no hyperparameter 'crossRank'"),
        (["evaluation", "protocol"], "LeaveOneOut", "InvalidEvaluation", "use ByRatio or ByTime or ByColumn"),
        (["evaluation", "metrics"], ["F1"], "InvalidEvaluation", "'F1' does not exist for the task Ranking"),
        (
            ["gates"],
            [{"name": "x", "floor": {"metric": "RMSE", "max": "1"}}],
            "InvalidGate",
            "'RMSE' does not exist for",
        ),
        (
            ["gates"],
            [{"name": "x", "floor": {"metric": "AUC", "against": "Popularity"}}],
            "InvalidGate",
            "must name a min",
        ),
        (["cleaning"], {"minUserInteractions": 1000}, "InvalidData", "rows: minInteractions dropped"),
    ],
)
def test_what_is_wrong_is_told(
    path: list[str], value: Any, reason: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refusal(document(tmp_path, monkeypatch), tmp_path, path, value, reason, said)


def test_a_row_without_its_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = rows()
    table[0]["user"] = None
    code, reason, message = outcome(document(tmp_path, monkeypatch, table), tmp_path)
    assert (code, reason) == (2, "InvalidData")
    assert "line 2: the column 'user' is empty, and so in 1 of 200 rows" in message


def test_hyperparameters_of_dcn_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = document(tmp_path, monkeypatch)
    made |= {"architecture": "DCNv2", "hyperparameters": {"structure": "Stack", "crossLayers": "9"}}
    code, reason, message = outcome(made, tmp_path)
    assert (code, reason) == (2, "InvalidHyperparameters")
    assert "did you mean Stacked?" in message
    assert "crossLayers is 9 but must be an integer from 1 to 8" in message


def test_users_with_few_rows_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fifth row is of a user who has no other one, but for the first: user 0 has more."""
    made = document(tmp_path, monkeypatch) | {"cleaning": {"minUserInteractions": 2}}
    config = run_config.parse(made)
    found = data.load(
        list_files(tmp_path / "data", "CSV"), config, schema.parse(config.schema, config.objective, config.task)
    )
    assert found.rows.tolist() == [number for number in range(200) if number % 5 or not number]
    assert [(entry.rule, entry.rows) for entry in found.dropped] == [("minInteractions", 39)]
