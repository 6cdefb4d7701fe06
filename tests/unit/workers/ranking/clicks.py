"""A small log of clicks, and the run that is to learn from it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.workers.tabular import tables

COLUMNS: list[dict[str, Any]] = [
    {"name": "user", "role": "User", "minRows": 4},
    {"name": "item", "role": "Item", "minRows": 1},
    {"name": "price", "role": "Numeric"},
    {"name": "device", "role": "Categorical"},
    {"name": "referrer", "role": "Categorical", "encoding": "Vocabulary", "minRows": 2, "missing": "Impute"},
    {"name": "day", "role": "Timestamp"},
    {"name": "click", "role": "Label"},
]


def rows(count: int = 200) -> list[dict[str, Any]]:
    """Ids that are frequent, rare, and new after the training, in the order of time."""
    random = np.random.default_rng(2)
    return [
        {
            "user": f"u-{int(random.integers(0, 5) if number % 5 else number)}",
            "item": f"i-{int(random.integers(0, 8))}" if number < count * 9 // 10 else "i-new",
            "price": round(float(random.gamma(2, 10)), 2),
            "device": ("phone", "desktop")[number % 2],
            "referrer": None if number % 9 == 4 else f"r-{int(random.integers(0, 40))}",
            "day": number,
            "click": int(random.random() < 0.4),
        }
        for number in range(count)
    ]


def document(
    folder: Path, monkeypatch: pytest.MonkeyPatch, table: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """run.json of a run on the rows, and the environment of the trainer."""
    made = tables.document(folder, monkeypatch, rows() if table is None else table)
    del made["objective"]
    made |= {"task": "Ranking", "architecture": "LogisticRegression", "schema": {"columns": COLUMNS}}
    made["evaluation"] = {"protocol": "ByTime", "metrics": ["AUC", "GAUC", "LogLoss"]}
    made["gates"] = [{"name": "floor", "floor": {"metric": "AUC", "min": "0.1"}}]
    return made
