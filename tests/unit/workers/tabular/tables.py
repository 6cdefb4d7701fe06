"""A small table of customers, and the run that is to learn from it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

COLUMNS: list[dict[str, Any]] = [
    {"name": "tenure", "role": "Numeric"},
    {"name": "idle", "role": "Numeric", "missing": "Impute"},
    {"name": "plan", "role": "Categorical"},
    {"name": "phone", "role": "Categorical", "encoding": "Hashed", "buckets": 16, "missing": "Impute"},
    {"name": "label", "role": "Label"},
]
ROWS = 60


def rows(count: int = ROWS) -> list[dict[str, Any]]:
    """Rows with every kind of value, of which none is wrong."""
    random = np.random.default_rng(1)
    return [
        {
            "tenure": round(float(random.normal(20, 5)), 3),
            "idle": None if number % 7 == 3 else int(random.integers(0, 30)),
            "plan": f"plan-{number % 3}",
            "phone": None if number % 11 == 5 else f"phone-{random.integers(0, 40)}",
            "day": number // 2,
            "part": ("train", "train", "validation", "test")[number % 4],
            "weight": 1 + number % 2,
            "label": int(random.random() < 0.5) if number > 15 else number // 4 % 2,
        }
        for number in range(count)
    ]


def write_csv(path: Path, table: list[dict[str, Any]]) -> None:
    """The rows as a CSV; None is an empty cell."""
    names = list(table[0])
    lines = [",".join("" if row[name] is None else str(row[name]) for name in names) for row in table]
    path.write_text("\n".join([",".join(names), *lines]) + "\n")


def document(
    folder: Path, monkeypatch: pytest.MonkeyPatch, table: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """run.json of a run on the rows, and the environment of the trainer."""
    monkeypatch.setenv("RECSYS_PVC_ROOT", str(folder))
    monkeypatch.setenv("RECSYS_TERMINATION_LOG", str(folder / "termination"))
    monkeypatch.setenv("RECSYS_RUN_CONFIG", str(folder / "run.json"))
    (folder / "data").mkdir(parents=True)
    (folder / "store").mkdir()
    write_csv(folder / "data" / "customers.csv", rows() if table is None else table)
    made: dict[str, Any] = json.loads(
        json.dumps(
            {
                "namespace": "shop",
                "name": "churn-1",
                "uid": "uid-1",
                "model": "churn",
                "task": "Tabular",
                "objective": "Binary",
                "architecture": "Linear",
                "hyperparameters": {"epochs": "1"},
                "seed": 1,
                "dataset": {"uri": "pvc://data", "format": "CSV", "digest": None},
                "schema": {"columns": COLUMNS},
                "catalogue": None,
                "evaluation": {"protocol": "ByRatio", "byRatio": {"testPercent": 30, "validationPercent": 30}},
                "gates": [{"name": "floor", "floor": {"metric": "Accuracy", "min": "0.1"}}],
                "storage": {"uri": "pvc://store/models"},
                "champion": None,
            }
        )
    )
    made["evaluation"]["metrics"] = ["AUC", "LogLoss", "Accuracy"]
    return made
