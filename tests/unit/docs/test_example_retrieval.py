"""The floors of examples/movielens-retrieval lie where its README says: under the intervals, over popularity."""

import re
from typing import Any

import pytest
import yaml
from tests.unit.docs.pages import ROOT

FOLDER = ROOT / "examples/movielens-retrieval"
PAGE = (FOLDER / "README.md").read_text()
OBJECTS: list[dict[str, Any]] = [
    one for path in sorted(FOLDER.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())
]
RUNS = {one["metadata"]["name"]: one["spec"] for one in OBJECTS if one["kind"] == "TrainingRun"}
MODELS = {one["metadata"]["name"]: one["spec"] for one in OBJECTS if one["kind"] == "RecModel"}


def figures(row: str) -> list[float]:
    """The figures of a row's NDCG@10: the value, and the ends of its interval where there is one."""
    (cell,) = re.findall(rf"^\| {row} \| ([^|]+) \|", PAGE, re.MULTILINE)
    return [float(figure) for figure in re.findall(r"[\d.]+", cell)]


@pytest.mark.parametrize("name", RUNS)
def test_a_floor_is_under_the_interval_of_its_run_and_over_popularity(name: str) -> None:
    model = MODELS[RUNS[name]["modelRef"]["name"]]
    (floor,) = [gate["floor"] for gate in model["gates"] if "floor" in gate]
    value, low, high = figures(f"run `{name}`")
    assert floor["metric"] == "NDCG@10"
    assert f'`min: "{floor["min"]}"`' in PAGE
    assert figures("popularity")[0] < float(floor["min"]) < low < value < high


def test_the_figures_are_of_the_protocol_that_the_models_name() -> None:
    assert {model["evaluation"]["protocol"] for model in MODELS.values()} == {"LeaveOneOut"}
    assert "`LeaveOneOut`" in PAGE
    assert len(RUNS) == len(MODELS) == 2
