"""A run of lists whose test items stand in no row of the training: they are ranked as any other, and judged so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.workers.judged import graph_and_walks
from tests.integration.workers.test_tabular import in_process, ran  # noqa: F401 a fixture
from tests.unit.workers.tabular.tables import document, write_csv

from recsys_workers.evaluate.scoring import tasks_of

pytestmark = pytest.mark.torch

USERS, KNOWN, LENGTH = 40, 15, 9
"""Each user walks through the known items, and has one of its own at the end."""


def walk(user: int) -> list[str]:
    return [*(f"known-{(user + step) % KNOWN}" for step in range(LENGTH)), f"new-{user}"]


def run_json(task: str, architecture: str, protocol: str, folder: Path, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    made = document(folder, patch)
    rows = [
        {"user": f"u{user}", "item": item, "day": day} for user in range(USERS) for day, item in enumerate(walk(user))
    ]
    write_csv(folder / "data" / "customers.csv", rows)
    del made["objective"]
    roles = {"user": "User", "item": "Item", "day": "Timestamp"}
    made["schema"]["columns"] = [{"name": name, "role": role} for name, role in roles.items()]
    made["evaluation"] = {"protocol": protocol, "excludeSeen": True, "metrics": ["NDCG@10", "HR@10"]}
    made["gates"] = [
        {"name": "good", "floor": {"metric": "HR@10", "min": "0.9"}},
        {"name": "popular", "floor": {"metric": "HR@10", "against": "Popularity"}},
        {"name": "neighbours", "floor": {"metric": "HR@10", "against": "ItemKNN"}},
        {"name": "onnx", "parity": {"tolerance": "1e-5"}},
    ]
    hyperparameters = {"hiddenSize": "16", "maxLength": "10", "epochs": "2"}
    return made | {"task": task, "architecture": architecture, "hyperparameters": hyperparameters}


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("task", "architecture", "protocol"),
    [("SequentialRecommendation", "SASRec", "LeaveOneOut"), ("Retrieval", "TwoTower", "ByTime")],
)
def test_items_that_were_never_trained_on_are_scored(
    task: str, architecture: str, protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found = ran(run_json(task, architecture, protocol, tmp_path, monkeypatch), tmp_path)
    assert found["protocol"]["evaluatedTargets"] == USERS
    assert found["dataset"]["items"] == KNOWN + USERS
    graph, walks = graph_and_walks(folder, walk, USERS)
    lists = graph.lists(tasks_of([one[:-1] for one in walks], exclude_seen=True))
    assert np.isfinite(lists.scores[:, :10]).all()
    hits = np.mean([one[-1] in row[:10] for one, row in zip(walks, lists.items, strict=True)])
    figures = {metric["name"]: float(metric["value"]) for metric in found["metrics"]}
    assert figures["HR@10"] == pytest.approx(hits)
    assert 0 <= figures["NDCG@10"] <= figures["HR@10"] < 0.9

    verdicts = {gate["name"]: (gate["verdict"], gate["message"]) for gate in found["gates"]}
    assert verdicts["good"][0] == "Failed", verdicts
    assert verdicts["onnx"][0] == "Passed", verdicts
    # Nobody who counts knows them either.
    assert "Popularity has 0" in verdicts["popular"][1]
    assert "ItemKNN has 0" in verdicts["neighbours"][1]
