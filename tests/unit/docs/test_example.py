"""The table of results in examples/movielens/README.md tells the settings that the manifests beside it have."""

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
