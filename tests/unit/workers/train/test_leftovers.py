"""What stays in the run's folder of the store, after which end; the training itself is played."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys_workers.evaluate.parity import Reference
from recsys_workers.evaluate.scoring import Lists
from recsys_workers.train import leftovers, ray_run, scored
from recsys_workers.train.__main__ import main
from recsys_workers.train.progress import StatusRefused, StatusWriter
from recsys_workers.train.scored import Scored

KEPT = ["attempt.lock", "dataset.digest"]
CHECKPOINT = "checkpoint_2026-01-01_00-00-00"


class Training:
    """Stands for Ray: leaves what it leaves, or fails. `told` are the statuses that were written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        self.refused: Exception | None = None
        self.calls = 0
        self.told: list[dict[str, Any]] = []
        monkeypatch.setattr(ray_run, "fit", self.fit)
        monkeypatch.setattr(StatusWriter, "apply", lambda _writer, status: self.apply(status))

    def fit(self, _settings: Mapping[str, Any], folder: Path, _threads: int) -> None:
        self.calls += 1
        (folder / CHECKPOINT).mkdir(exist_ok=True)
        (folder / CHECKPOINT / "state.pt").write_bytes(b"weights")
        (folder / ray_run.SNAPSHOT).write_text("{}")
        (folder / ".validate_storage_marker").write_text("")
        (folder / "latest").symlink_to(folder.parent)
        if self.error is not None:
            raise ray_run.TrainingFailed(self.error, "")
        items = np.array([[4, 3, 2, 1]] * 3)
        scores = np.array([[0.4, 0.3, 0.2, 0.1]] * 3, np.float32)
        finite = np.ones(3, np.bool_)
        scored.write(folder, b"graph", Scored(Lists(scores, items), Reference(items, scores, scores, finite), 1, 0.5))

    def apply(self, status: Mapping[str, Any]) -> None:
        if "result" in status:
            if self.refused is not None:
                raise self.refused
            self.told.append(dict(status["result"]))


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Training:
    return Training(monkeypatch)


@pytest.fixture
def run_folder(document: dict[str, Any], tmp_path: Path) -> Path:
    (tmp_path / "run.json").write_text(json.dumps(document))
    return tmp_path / "store/models/shop/movies/runs/uid-1"


def left(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_run_that_told_its_result_leaves_nothing_of_size_and_a_restart_tells_the_same(
    training: Training, run_folder: Path
) -> None:
    assert main() == 0
    assert left(run_folder) == KEPT
    assert left(run_folder.parent) == ["uid-1"]
    versions = run_folder.parents[1] / "versions"
    assert left(versions) == ["1"]
    assert main() == 0
    assert left(run_folder) == KEPT
    assert training.calls == 1
    first, second = training.told
    assert first == second
    assert first["version"] == 1
    assert left(versions) == ["1"]


def test_checkpoints_stay_while_another_attempt_may_need_them(training: Training, run_folder: Path) -> None:
    training.error = OSError("disk full")
    assert main() == 1
    assert CHECKPOINT in left(run_folder)


def test_a_failure_that_cannot_heal_leaves_nothing_of_size(training: Training, run_folder: Path) -> None:
    training.error = type("TrainingDiverged", (ArithmeticError,), {})("The loss is nan.")
    assert main() == 2
    assert left(run_folder) == KEPT


def test_the_attempt_that_tells_what_an_earlier_one_published_cleans_up(training: Training, run_folder: Path) -> None:
    training.refused = StatusRefused("409")
    assert main() == 1
    assert CHECKPOINT in left(run_folder)
    training.refused = None
    assert main() == 0
    assert left(run_folder) == KEPT
    assert (training.calls, len(training.told)) == (1, 1)


def test_what_cannot_be_deleted_fails_no_run(
    training: Training, run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    assert main() == 0
    assert left(run_folder) == sorted([*KEPT, CHECKPOINT])
    assert len(training.told) == 1
    assert f"{run_folder / CHECKPOINT} is of no use any more and cannot be deleted" in capsys.readouterr().out


def test_a_folder_that_is_gone_is_left_alone(tmp_path: Path) -> None:
    leftovers.remove(tmp_path / "gone")
