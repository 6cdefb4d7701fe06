"""What an earlier attempt left and cannot be read any more: made anew, or told in a sentence that names it."""

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.unit.workers.refusals import outcome
from tests.unit.workers.train.played import Training
from tests.unit.workers.train.test_publish import describe, fenced
from torch import nn

from recsys_workers.tabular import folds
from recsys_workers.tabular import worker as tabular
from recsys_workers.train import publish, seeds, store
from recsys_workers.train.seconds import Stopwatch
from recsys_workers.train.team import Team

Damage = Callable[[Path], object]


def cut(path: Path) -> None:
    """Half of the file is gone."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def overwritten(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


DAMAGES = [cut, emptied, overwritten]


@pytest.fixture
def version(document: dict[str, Any], run_folder: Path, training: Training) -> Path:
    """The folder of the version that the run has published already."""
    run_folder.mkdir(parents=True)
    versions = run_folder.parent.parent / "versions"
    publish.publish(versions, "uid-1", {"model.onnx": b"graph"}, describe, fenced(run_folder))
    return versions / "1"


@pytest.mark.parametrize(
    ("name", "damage"),
    [*((name, damage) for name in ("model.onnx", "manifest.json") for damage in DAMAGES), ("model.onnx", Path.unlink)],
)
def test_a_version_of_the_run_that_is_damaged_is_told_and_not_tried_again(
    name: str, damage: Damage, version: Path, document: dict[str, Any], training: Training, tmp_path: Path
) -> None:
    (version / name).chmod(0o600)
    damage(version / name)
    code, reason, message = outcome(document, tmp_path)
    assert (code, reason) == (2, "VersionUnreadable")
    assert message.startswith("Version 1, which an earlier attempt of this run published, cannot be read: ")
    assert str(version / name) in message
    assert training.calls == 0


def test_a_version_of_the_run_that_the_store_does_not_give_is_tried_again(
    version: Path, document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_bytes

    def given(path: Path) -> bytes:
        if path.name == "model.onnx":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", given)
    code, reason, message = outcome(document, tmp_path)
    assert (code, reason) == (1, "VersionUnreadable")
    assert "Input/output error" in message


def trained(folder: Path, monkeypatch: pytest.MonkeyPatch, *, count: int = 3) -> list[int]:
    """The seeds, from 1 on, that `seeds.train` trains."""
    found: list[int] = []

    def train_one(settings: Any, **_: Any) -> Any:
        found.append(settings["seed"])
        return SimpleNamespace(best_model=lambda: nn.Linear(2, 1))

    monkeypatch.setattr(seeds, "_lists", lambda *_: None)
    settings = {
        "folder": str(folder),
        "seeds": list(range(1, count + 1)),
        "attempt": fenced(folder).name,
        "events": str(folder),
        "task": "SequentialRecommendation",
    }
    progress: Any = SimpleNamespace(kept=lambda: None, report=lambda *_: None)
    seeds.train(settings, progress, Stopwatch(0.0), train_one)
    return found


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_seed_whose_weights_are_damaged_is_trained_again(
    damage: Damage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained(tmp_path, monkeypatch) == [1, 2, 3]
    assert trained(tmp_path, monkeypatch) == []
    damage(tmp_path / "seed-2.safetensors")
    assert trained(tmp_path, monkeypatch) == [2]


def judged(folder: Path, monkeypatch: pytest.MonkeyPatch, *, count: int = 3) -> list[int]:
    """The folds that `folds.train` trains."""
    found: list[int] = []

    def training_on(_settings: Any, _fitted: Any, name: str) -> Any:
        found.append(int(name.removeprefix("fold-")))
        return SimpleNamespace(run=lambda *_: None, best_outputs=lambda _: np.ones((64, 1), np.float32))

    monkeypatch.setattr(tabular, "training_on", training_on)
    monkeypatch.setattr(folds.preprocessing, "decode", lambda _: None)
    monkeypatch.setattr(folds.data, "read_part", lambda *_: SimpleNamespace(inputs=None))
    monkeypatch.setattr(folds, "Watch", lambda *_, **__: SimpleNamespace(on_epoch=None, on_step=None))
    for number in range(1, count + 1):
        (folder / f"fold-{number}.json").write_bytes(b"{}")
    progress: Any = SimpleNamespace(kept=lambda: None)
    folds.train({"folder": str(folder), "attempt": fenced(folder).name}, count, Team(), progress)
    return found


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_fold_whose_outputs_are_damaged_is_trained_again(
    damage: Damage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert judged(tmp_path, monkeypatch) == [1, 2, 3]
    assert judged(tmp_path, monkeypatch) == []
    damage(tmp_path / "fold-2-outputs.npz")
    assert judged(tmp_path, monkeypatch) == [2]


@pytest.mark.parametrize(
    ("name", "again"), [("seed-2.safetensors", trained), ("fold-2-outputs.npz", judged)], ids=["seed", "fold"]
)
def test_what_the_store_does_not_give_is_no_reason_to_train_again(
    name: str, again: Callable[..., list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again(tmp_path, monkeypatch)
    monkeypatch.setattr(store, "patiently", partial(store.patiently, seconds=0.0))
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/proc/self/mem")
    with pytest.raises(store.StoreUnreachable, match="Input/output error"):
        again(tmp_path, monkeypatch)
