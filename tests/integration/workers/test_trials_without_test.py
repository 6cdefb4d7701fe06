"""The test is read for the winner of a search alone: a trial is the same without it, and touches nothing of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import ray.tune
import torch
from tests.integration.workers.test_ensemble import walks  # noqa: F401 a fixture
from tests.unit.workers.tabular import tables

from recsys_workers.data.split import Split
from recsys_workers.tabular import data
from recsys_workers.train import attempt, checks, prepared, run_config
from recsys_workers.train.fence import LOCK
from recsys_workers.tune import outcomes, trial

pytestmark = pytest.mark.torch

ME = "this attempt\n"


class Unread:
    """In the place of the test's examples."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a trial has read {name} of the test")


def settings(made: dict[str, Any]) -> dict[str, Any]:
    """What a trial of the run is told, once its driver has laid the data down."""
    config = run_config.parse(made)
    hyperparameters = checks.specification(config)
    config.run_folder.mkdir(parents=True)
    (config.run_folder / LOCK).write_text(ME)
    work = attempt.TASKS[config.task](config, hyperparameters, None)
    work.load()
    of_task = {**work.settings(), **work.objective().settings(), "initFrom": None, "attempt": ME}
    return attempt._settings(config, hyperparameters, of_task, 1)


def trained(told: dict[str, Any], number: int, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What trial `number` reports, but for its number and time."""
    reports: list[dict[str, Any]] = []
    monkeypatch.setattr(ray.tune, "report", reports.append)
    trial.train_trial(told, number, told["hyperparameters"])
    return [{name: value for name, value in report.items() if name not in ("trial", "seconds")} for report in reports]


def spoil_lists(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other items be right, and let none of it be looked at."""
    read = prepared.read
    items = np.load(folder / prepared.ITEMS)
    items[read(folder).test.histories.ends] = 1
    np.save(folder / prepared.ITEMS, items)

    def without_test(folder: Path) -> Split:
        unread: Any = Unread()
        return replace(read(folder), test=unread)

    monkeypatch.setattr(prepared, "read", without_test)


def spoil_rows(folder: Path, _: pytest.MonkeyPatch) -> None:
    """Take the test's files away."""
    files = list(folder.glob(f"{data.NAME}-test*"))
    assert len(files) == len(data.ARRAYS)
    for file in files:
        file.unlink()


@pytest.mark.parametrize("spoil", [spoil_lists, spoil_rows])
def test_a_trial_without_the_test_is_the_same(
    spoil: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if spoil is spoil_lists:
        made = request.getfixturevalue("walks")
        made["hyperparameters"] = {**made["hyperparameters"], "epochs": "2"}
    else:
        made = tables.document(tmp_path, monkeypatch, tables.rows(120)) | {"hyperparameters": {"epochs": "2"}}
    monkeypatch.setattr(trial, "prepare_torch", torch.set_num_threads)
    told = settings(made)
    folder = Path(told["folder"])
    whole = trained(told, 1, monkeypatch)
    spoil(folder, monkeypatch)
    assert trained(told, 2, monkeypatch) == whole
    assert [report["epoch"] for report in whole] == [1, 2]
    states = [torch.load(outcomes.folder_of(folder, number) / outcomes.STATE) for number in (1, 2)]
    assert states[0]["model"].keys() == states[1]["model"].keys()
    assert all(torch.equal(tensor, states[1]["model"][name]) for name, tensor in states[0]["model"].items())
