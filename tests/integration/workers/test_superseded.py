"""An attempt that a newer one has followed, from its start to its word for the pod: it writes nothing more.

The newer attempt is a name in the lock's file, which is all that the older one could know of it.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import ray.train
import torch
from tests.unit.workers.tabular.tables import document, rows

from recsys_workers.train import history, publish, ray_run, run_config, worker
from recsys_workers.train.__main__ import main
from recsys_workers.train.failure import CANNOT_HEAL, RETRY
from recsys_workers.train.fence import LOCK
from recsys_workers.train.loop import TrainingDiverged

pytestmark = pytest.mark.torch

EPOCHS = 3
SUPERSEDED = "AttemptSuperseded"


class Run:
    """A run of some epochs, each with a checkpoint, by `python -m recsys_workers.train` with Ray's worker in it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made = document(folder, monkeypatch, rows(120))
        made["hyperparameters"] = {"epochs": str(EPOCHS)}
        (folder / "run.json").write_text(json.dumps(made))
        config = run_config.parse(made)
        self.termination = folder / "termination"
        self.folder, self.versions = config.run_folder, config.versions_folder
        self.reports = 0
        self.on_report: Callable[[int], None] = lambda _: None
        """Called with the number of each report, after its checkpoint was kept."""
        self.on_trained: Callable[[], None] = lambda: None
        torch.set_num_threads(1)
        monkeypatch.setenv("RECSYS_THREADS", "1")
        monkeypatch.setattr(ray.train, "report", self._report)
        monkeypatch.setattr(ray_run, "fit", self._fit)

    def _report(self, _: dict[str, Any], checkpoint: ray.train.Checkpoint) -> None:
        self.reports += 1
        shutil.copytree(checkpoint.path, self.folder / f"checkpoint_2026-01-01_00-00-0{self.reports}")
        self.on_report(self.reports)

    def _fit(self, settings: dict[str, Any], *_: Any) -> None:
        try:
            worker.train_worker(settings)
        except Exception as error:
            raise ray_run.TrainingFailed(error, str(error)) from error
        self.on_trained()

    def newer_begins(self) -> None:
        (self.folder / LOCK).write_text("a newer attempt\n")

    def told(self) -> tuple[int, str]:
        """Exit code of the trainer, and the reason that it leaves for the pod."""
        code = main()
        return code, json.loads(self.termination.read_text())["reason"]

    @property
    def kept(self) -> list[str]:
        """What is left of the training in the run's folder: its checkpoints, and what follows them."""
        names = (path.name for path in self.folder.iterdir())
        return sorted(name for name in names if name.startswith("checkpoint_") or name in (history.FILE, "model.onnx"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(tmp_path, monkeypatch)


def checkpoints(count: int) -> list[str]:
    return [f"checkpoint_2026-01-01_00-00-0{number}" for number in range(1, count + 1)]


@pytest.mark.parametrize("after", [1, EPOCHS])
def test_no_checkpoint_and_no_history_follow_and_those_that_are_there_stay(run: Run, after: int) -> None:
    """The newer attempt goes on from them. After the last report the next thing would be the history."""
    run.on_report = lambda number: run.newer_begins() if number == after else None
    assert run.told() == (RETRY, SUPERSEDED)
    assert run.reports == after
    assert run.kept == checkpoints(after)
    assert publish.published(run.versions, "uid-1") is None


def test_an_attempt_that_is_overtaken_before_it_publishes_says_so_and_takes_no_number(run: Run) -> None:
    """Here it is the driver that finds out."""
    run.on_trained = run.newer_begins
    assert run.told() == (RETRY, SUPERSEDED)
    assert [path for path in run.versions.iterdir() if not path.name.startswith(".")] == []
    assert set(checkpoints(EPOCHS)) < set(run.kept)


@pytest.mark.parametrize("overtaken", [True, False])
def test_one_that_fails_for_good_deletes_only_what_is_its_own(run: Run, overtaken: bool) -> None:
    def diverges(number: int) -> None:
        if overtaken:
            run.newer_begins()
        raise TrainingDiverged("The loss is nan.")

    run.on_report = diverges
    assert run.told() == (CANNOT_HEAL, "TrainingDiverged")
    assert run.kept == (checkpoints(1) if overtaken else [])
