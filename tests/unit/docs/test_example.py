"""The table of results in examples/movielens/README.md tells the settings that the manifests beside it have, and the
floors of its other architectures lie under their intervals and over popularity.
"""

import re

import pytest
import yaml
from tests.unit.docs.pages import ROOT

FOLDER = ROOT / "examples/movielens"
ROW = re.compile(r"^\| (\d) \| ([^|]+?) \|", re.MULTILINE)
SETTINGS = {
    "hiddenSize": re.compile(r"(\d+) wide"),
    "epochs": re.compile(r"(\d+) epochs"),
    "learningRate": re.compile(r"learning rate (\S+)"),
    "inputLength": re.compile(r"padded to ([\d,]+)"),
}


def hyperparameters(run: int) -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load((FOLDER / f"run-{run}.yaml").read_text())["spec"]["hyperparameters"]
    return found


def settings() -> dict[int, str]:
    return {int(run): setting for run, setting in ROW.findall((FOLDER / "README.md").read_text())}


def told(setting: str) -> dict[str, str]:
    matches = {name: pattern.search(setting) for name, pattern in SETTINGS.items()}
    return {name: match[1].replace(",", "") for name, match in matches.items() if match}


def test_every_run_of_the_main_job_has_a_row() -> None:
    assert {f"run-{run}.yaml" for run in settings()} == {path.name for path in FOLDER.glob("run-[0-9]*.yaml")}


@pytest.mark.parametrize("run", [1, 2, 3, 4])
def test_a_row_tells_the_settings_of_its_run(run: int) -> None:
    setting = settings()[run]
    assert told(setting)
    assert told(setting).items() <= hyperparameters(run).items()
    if like := re.search(r"run (\d)", setting):
        assert {**hyperparameters(int(like[1])), **told(setting)} == hyperparameters(run)


def test_another_setting_is_found() -> None:
    assert told("64 wide, 12 epochs") == {"hiddenSize": "64", "epochs": "12"}
    assert not told("64 wide, 12 epochs").items() <= hyperparameters(2).items()


@pytest.mark.parametrize("name", ["bsarec", "decoder"])
def test_the_floor_of_another_architecture_is_under_the_interval_of_its_run_and_over_popularity(name: str) -> None:
    gates = yaml.safe_load((FOLDER / f"model-{name}.yaml").read_text())["spec"]["gates"]
    (floor,) = [gate["floor"] for gate in gates if "floor" in gate]
    assert floor["metric"] == "NDCG@10"
    text = (FOLDER / "README.md").read_text()
    (cell,) = re.findall(rf"^\| run `movies-{name}-1` \| ([^|]+) \|", text, re.MULTILINE)
    value, low, high = (float(figure) for figure in re.findall(r"[\d.]+", cell))
    (popularity,) = set(re.findall(r"^\| popularity \| ([\d.]+) \|", text, re.MULTILINE))
    assert float(popularity) < float(floor["min"]) < low < value < high
