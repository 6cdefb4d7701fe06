"""A run that one attempt can train, in a store of its own."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.train.played import Training

HEADER = "user_id:token\titem_id:token\ttimestamp:float\n"
ROWS = "".join(f"u{user}\ti{step}\t{step}\n" for user in range(3) for step in range(4))


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """run.json, with what it names and the environment of the trainer; 3 users with 4 items each."""
    monkeypatch.setenv("RECSYS_PVC_ROOT", str(tmp_path))
    monkeypatch.setenv("RECSYS_TERMINATION_LOG", str(tmp_path / "termination"))
    monkeypatch.setenv("RECSYS_RUN_CONFIG", str(tmp_path / "run.json"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.inter").write_text(HEADER + ROWS)
    (tmp_path / "store").mkdir()
    return {
        "namespace": "shop",
        "name": "movies-1",
        "uid": "uid-1",
        "model": "movies",
        "task": "SequentialRecommendation",
        "architecture": "SASRec",
        "hyperparameters": {"epochs": "1"},
        "seed": 1,
        "dataset": {"uri": "pvc://data", "format": "RecBole", "digest": None},
        "schema": {
            "columns": [
                {"name": "user_id", "role": "User"},
                {"name": "item_id", "role": "Item"},
                {"name": "timestamp", "role": "Timestamp"},
            ]
        },
        "catalogue": None,
        "evaluation": {"protocol": "LeaveOneOut", "excludeSeen": True, "metrics": ["NDCG@10"]},
        "gates": [{"name": "floor", "floor": {"metric": "NDCG@10", "min": "0.1"}}],
        "storage": {"uri": "pvc://store/models"},
        "champion": None,
        "image": "trainer",
        "operatorVersion": "0.1.0",
    }


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Training:
    return Training(monkeypatch)


@pytest.fixture
def run_folder(document: dict[str, Any], tmp_path: Path) -> Path:
    (tmp_path / "run.json").write_text(json.dumps(document))
    return tmp_path / "store/models/shop/movies/runs/uid-1"
