"""The configurations of the training benchmark, whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.recorded import RESULTS, Benchmark, Configuration, results_of_lines

from recsys_workers.models.hyperparameters import check

CONFIGURATIONS = Path(__file__).parent / "configurations.json"
FILE = RESULTS / "training.jsonl"
SEEDS, THREADS = (1, 2, 3), 1


def configurations() -> dict[str, Any]:
    """As they are written: an ensemble only names the one whose seeds it is made of."""
    found: dict[str, Any] = json.loads(CONFIGURATIONS.read_text())
    return found


def present() -> dict[str, Configuration]:
    """Each with every hyperparameter, defaults filled in."""
    found = configurations()
    return {name: _present(found, entry) for name, entry in found.items()}


def _present(found: Mapping[str, Any], entry: Mapping[str, Any]) -> Configuration:
    if "ensemble" in entry:
        return {**_present(found, found[entry["ensemble"]]), "ensemble": entry["ensemble"]}
    return whole(entry["architecture"], entry["hyperparameters"], attributes=bool(entry.get("attributes")))


def whole(architecture: str, hyperparameters: Mapping[str, str], *, attributes: bool) -> Configuration:
    """One configuration, as a result is compared with."""
    values = dict(check(architecture, hyperparameters).text)
    return {"architecture": architecture, "attributes": attributes, "hyperparameters": values}


def told(result: Mapping[str, Any]) -> Configuration:
    """The configuration that a result was made with."""
    return {
        "architecture": result["architecture"],
        "attributes": result.get("attributes") is not None,
        "hyperparameters": result["hyperparameters"],
        **({"ensemble": result["ensemble"]} if "ensemble" in result else {}),
    }


TRAINING = Benchmark("make bench-training", present, lambda: results_of_lines(FILE, told))
