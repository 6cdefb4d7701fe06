"""What stays in the run's folder of the store, after which end; the training itself is played."""

import shutil
from pathlib import Path

import pytest
from tests.unit.workers.train.played import CHECKPOINT, Training

from recsys_workers.train import leftovers
from recsys_workers.train.__main__ import main
from recsys_workers.train.progress import StatusRefused

KEPT = ["attempt.lock", "dataset.digest", "history.json"]


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
    shown = [(told["epoch"], told["step"], len(told["history"])) for told in training.progress]
    assert shown == [(1, 3, 1)] * 2
    assert left(versions) == ["1"]


def test_checkpoints_stay_while_another_attempt_may_need_them(training: Training, run_folder: Path) -> None:
    training.error = OSError("disk full")
    assert main() == 1
    assert CHECKPOINT in left(run_folder)


def test_a_failure_that_cannot_heal_leaves_nothing_of_size(training: Training, run_folder: Path) -> None:
    training.error = type("TrainingDiverged", (ArithmeticError,), {})("The loss is nan.")
    assert main() == 2
    assert left(run_folder) == ["attempt.lock", "dataset.digest"]


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


def test_what_a_killed_attempt_was_writing_goes_when_the_next_one_begins(training: Training, run_folder: Path) -> None:
    run_folder.mkdir(parents=True)
    for name in (".weights.safetensors.0123.partial", ".store-probe.4567.partial", "checkpoint_of_it"):
        (run_folder / name).write_bytes(b"half")
    training.error = OSError("disk full")
    assert main() == 1
    assert [name for name in left(run_folder) if name.endswith(".partial")] == []
    assert "checkpoint_of_it" in left(run_folder)


def test_a_folder_that_is_gone_is_left_alone(tmp_path: Path) -> None:
    leftovers.remove(tmp_path / "gone")
