"""The golden curves: what each architecture's training gave when they were written; `pytest --golden` writes them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.workers.curves import GOLDEN, curve
from tests.integration.workers.test_tabular import row_curve

from recsys_workers.models import registry
from recsys_workers.tasks import OF_ROWS

FILE = GOLDEN / "curves.json"
TOLERANCE = 1e-3
Entry = dict[str, Any]


def entries(file: Path = FILE) -> dict[str, Entry]:
    """Those of the file by their names, and one without a curve for each architecture that has none there."""
    found: dict[str, Entry] = json.loads(file.read_text())
    known = {entry["architecture"] for entry in found.values()}
    for name in registry.ARCHITECTURES:
        if name not in known:
            objective = {"objective": "Binary"} if registry.load(name).DECLARATION.task in OF_ROWS else {}
            found[name] = {"architecture": name, **objective, "hyperparameters": {}}
    return found


def played(entry: Entry) -> dict[str, list[float]]:
    """The curve of an entry's training: of rows where it names an objective, else of walks."""
    name, given = entry["architecture"], entry["hyperparameters"]
    reports = row_curve(name, entry["objective"], **given) if "objective" in entry else curve(name, **given)
    return {"loss": _numbers(one.loss for one in reports), "validation": _numbers(one.validation for one in reports)}


def same(entry: Entry, found: dict[str, list[float]]) -> bool:
    """Whether an entry has this curve, but for the rounding of another machine."""
    return all(entry.get(key) == pytest.approx(values, abs=TOLERANCE) for key, values in found.items())


def keep(name: str, found: dict[str, list[float]], file: Path = FILE) -> None:
    """Write the curve of one of the entries, unless the file has it."""
    entry = entries(file)[name]
    if same(entry, found):
        return
    rounded = {key: [round(value, 6) for value in values] for key, values in found.items()}
    document = json.loads(file.read_text()) | {name: {**entry, **rounded}}
    file.write_text(_text(document))


def _numbers(values: Iterable[float | None]) -> list[float]:
    found = [value for value in values if value is not None]
    assert found
    return found


def _text(document: dict[str, Entry]) -> str:
    """JSON with a line for each value of an entry."""
    made = []
    for name, entry in document.items():
        lines = ",\n".join(f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in entry.items())
        made.append(f"  {json.dumps(name)}: {{\n{lines}\n  }}")
    return "{\n" + ",\n".join(made) + "\n}\n"
