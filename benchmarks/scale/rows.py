"""Runs of the tasks Ranking and Tabular on many generated impressions: what `attempt.measured` is given."""

from pathlib import Path
from typing import Any

from recsys_workers.data.generate.__main__ import generate
from recsys_workers.data.generate.world import Settings

IMPRESSIONS = 112
"""Of a user."""
CLEANING: dict[str, Any] = {
    "duplicates": "KeepFirst",
    "bounds": [{"column": "price", "min": "1", "max": "100"}],
    "minUserInteractions": 5,
    "minItemInteractions": 5,
}
FEATURES = [
    {"name": "segment", "role": "Categorical"},
    {"name": "category", "role": "Categorical", "encoding": "Hashed", "buckets": 32},
    {"name": "price_sensitivity", "role": "Numeric"},
    {"name": "price", "role": "Numeric"},
    {"name": "rating", "role": "Numeric"},
    {"name": "click", "role": "Label"},
]
RANKING: dict[str, Any] = {
    "task": "Ranking",
    "architecture": "DCNv2",
    "cleaning": CLEANING,
    "columns": [
        {"name": "user_id", "role": "User"},
        {"name": "item_id", "role": "Item"},
        {"name": "timestamp", "role": "Timestamp", "calendar": ["Hour", "Weekday"]},
        *FEATURES,
    ],
    "evaluation": {"protocol": "ByTime", "metrics": ["AUC", "GAUC", "LogLoss"]},
}
TABULAR: dict[str, Any] = {
    "task": "Tabular",
    "objective": "Binary",
    "architecture": "MLP",
    "cleaning": {name: rule for name, rule in CLEANING.items() if not name.startswith("min")},
    "columns": [
        {"name": "user_id", "role": "Categorical", "encoding": "Vocabulary"},
        {"name": "item_id", "role": "Categorical", "encoding": "Vocabulary"},
        {"name": "timestamp", "role": "Calendar", "encoding": "Cyclic"},
        *FEATURES,
    ],
    "evaluation": {"protocol": "ByRatio", "metrics": ["AUC", "LogLoss", "Accuracy"]},
}


def generated(folder: Path, rows: int) -> None:
    """About so many impressions in the folder `log`, unless they are there, and an empty folder `store`."""
    log = folder / "log"
    if not log.exists():
        generate(log, "Parquet", Settings(users=rows // IMPRESSIONS, items=10_000, impressions=IMPRESSIONS))
    (folder / "store").mkdir(exist_ok=True)


def run_json(task: dict[str, Any], steps: int) -> dict[str, Any]:
    """A run of RANKING or TABULAR that cleans and splits all rows, trains so many steps and judges a gate of each kind.

    There is no champion.
    """
    return {
        "namespace": "shop",
        "name": f"{task['task'].lower()}-1",
        "uid": "uid-1",
        "model": task["task"].lower(),
        "task": task["task"],
        "objective": task.get("objective"),
        "architecture": task["architecture"],
        "hyperparameters": {"batchSize": "256", "epochs": "1", "stepsPerEpoch": str(steps)},
        "seed": 7,
        "dataset": {"uri": "pvc://log/impressions", "format": "Parquet", "digest": None},
        "cleaning": task["cleaning"],
        "schema": {"columns": task["columns"]},
        "catalogue": None,
        "evaluation": task["evaluation"],
        "gates": [
            {"name": "learns", "floor": {"metric": "AUC", "min": "0.55"}},
            {"name": "onnx", "parity": {"tolerance": "1e-4"}},
            {"name": "fast", "latency": {"p99Milliseconds": 60000}},
        ],
        "storage": {"uri": "pvc://store"},
        "champion": None,
        "image": "trainer",
        "operatorVersion": "benchmark",
    }
