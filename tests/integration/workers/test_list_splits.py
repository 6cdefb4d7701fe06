"""Whole runs of lists that are split by shares of each user's rows, and by a column: judged is what was asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.workers.judged import graph_and_walks
from tests.integration.workers.test_tabular import in_process, ran  # noqa: F401 a fixture
from tests.unit.workers.tabular.tables import document, write_csv

from recsys_workers.evaluate.scoring import tasks_of

pytestmark = pytest.mark.torch

USERS, ITEMS, LENGTH = 60, 12, 10
HYPERPARAMETERS = {"hiddenSize": "16", "maxLength": "10", "epochs": "15", "learningRate": "0.01", "batchSize": "32"}
TASKS = pytest.mark.parametrize(
    ("task", "architecture"), [("SequentialRecommendation", "SASRec"), ("Retrieval", "TwoTower")]
)


def walk(user: int) -> list[str]:
    """Around a circle of items, so that the next one is known from those before."""
    return [f"i{(user + step) % ITEMS}" for step in range(LENGTH)]


def run_json(
    task: str, architecture: str, part: Callable[[int, int], str], folder: Path, patch: pytest.MonkeyPatch
) -> dict[str, Any]:
    made = document(folder, patch)
    rows = [
        {"user": f"u{user:02}", "item": item, "day": day, "part": part(user, day)}
        for user in range(USERS)
        for day, item in enumerate(walk(user))
    ]
    # The rows' order in the file says nothing.
    write_csv(folder / "data" / "customers.csv", [rows[row] for row in np.random.default_rng(2).permutation(len(rows))])
    del made["objective"]
    roles = {"user": "User", "item": "Item", "day": "Timestamp"}
    made["schema"]["columns"] = [{"name": name, "role": role} for name, role in roles.items()]
    made["evaluation"] = {"excludeSeen": True, "metrics": ["NDCG@10", "HR@1"]}
    made["gates"] = [
        {"name": "good", "floor": {"metric": "HR@1", "min": "0.55"}},
        {"name": "popular", "floor": {"metric": "NDCG@10", "against": "Popularity"}},
        {"name": "neighbours", "floor": {"metric": "NDCG@10", "against": "ItemKNN"}},
        {"name": "onnx", "parity": {"tolerance": "1e-5"}},
    ]
    return made | {"task": task, "architecture": architecture, "hyperparameters": HYPERPARAMETERS}


def require_judged(folder: Path, found: dict[str, Any], test_from: Callable[[int], int]) -> None:
    """The figure is that of the graph for each user's rows from the one on that tests first, told from all before."""
    graph, walks = graph_and_walks(folder, walk, USERS)
    held = [(walks[user][:row], walks[user][row]) for user in range(USERS) for row in range(test_from(user), LENGTH)]
    assert found["protocol"]["evaluatedTargets"] == len(held)
    assert found["protocol"]["evaluatedUsers"] == len({user for user in range(USERS) if test_from(user) < LENGTH})
    lists = graph.lists(tasks_of([history for history, _ in held], exclude_seen=True))
    hits = np.mean([target == first for (_, target), first in zip(held, lists.items[:, 0], strict=True)])
    figures = {metric["name"]: float(metric["value"]) for metric in found["metrics"]}
    assert figures["HR@1"] == pytest.approx(hits)
    verdicts = {gate["name"]: (gate["verdict"], gate["message"]) for gate in found["gates"]}
    assert {name: verdicts[name][0] for name in ("good", "popular", "onnx")} == dict.fromkeys(
        ("good", "popular", "onnx"), "Passed"
    ), verdicts
    assert "and ItemKNN has 0." in verdicts["neighbours"][1]


@pytest.mark.usefixtures("in_process")
@TASKS
def test_by_ratio(task: str, architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = run_json(task, architecture, lambda _user, _day: "of no use", tmp_path, monkeypatch)
    made["evaluation"] |= {"protocol": "ByRatio", "byRatio": {"validationPercent": 10, "testPercent": 20}}
    folder, found = ran(made, tmp_path)
    assert (found["protocol"]["name"], found["protocol"]["testPercent"]) == ("ByRatio", 20)
    require_judged(folder, found, lambda _user: 8)


@pytest.mark.usefixtures("in_process")
@TASKS
def test_by_column(task: str, architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third user does not test, and the others from one row on or another."""

    def test_from(user: int) -> int:
        return (8, 9, LENGTH)[user % 3]

    def part(user: int, day: int) -> str:
        return "train" if day < 7 else "validation" if day < test_from(user) else "test"

    made = run_json(task, architecture, part, tmp_path, monkeypatch)
    made["schema"]["columns"].append({"name": "part", "role": "Split"})
    made["evaluation"]["protocol"] = "ByColumn"
    folder, found = ran(made, tmp_path)
    assert found["protocol"]["split"].startswith("as the column part says")
    require_judged(folder, found, test_from)
