"""Which checkpoints of a run's folder are gone on from, which are deleted, and what becomes of one that has no room."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import ray.train
import torch

from recsys_workers.train import checkpoints, ray_run, worker
from recsys_workers.train.fence import Fence
from recsys_workers.train.store import StoreUnreachable
from recsys_workers.train.team import Team

pytestmark = pytest.mark.torch


def named(second: int) -> str:
    return f"checkpoint_2026-01-01_00-00-{second:02}"


def keep(folder: Path, second: int, epoch: int | None, seed: int | None = None) -> None:
    """One that was made after so many epochs; None: a part of one. `seed` is whose it says that it is."""
    (made := folder / named(second)).mkdir()
    if epoch is None:
        (made / "state.pt").write_bytes(b"half")
    else:
        torch.save({"epoch": epoch}, made / "state.pt")
    if seed is not None:
        (made / checkpoints.SEED).write_text(f"{seed}\n")


def listed(folder: Path, *seconds: int) -> None:
    results = [{"checkpoint_dir_name": named(second)} for second in seconds]
    (folder / ray_run.SNAPSHOT).write_text(json.dumps({"checkpoint_results": results}))


def fence(folder: Path) -> Fence:
    (folder / "attempt.lock").write_text("ours\n")
    return Fence(folder / "attempt.lock", "ours\n")


def left(folder: Path) -> list[int]:
    return sorted(int(name[-2:]) for name in checkpoints.names(folder))


def test_what_an_attempt_was_copying_when_it_was_killed_is_deleted(tmp_path: Path) -> None:
    for second, epoch in ((1, 1), (2, 2), (3, None)):
        keep(tmp_path, second, epoch)
    listed(tmp_path, 1, 2)
    checkpoints.remove_strays(tmp_path, fence(tmp_path))
    assert left(tmp_path) == [1, 2]


def test_one_that_was_copied_and_not_listed_yet_is_gone_on_from(tmp_path: Path) -> None:
    for second, epoch in ((1, 1), (2, 2), (3, 3)):
        keep(tmp_path, second, epoch)
    listed(tmp_path, 1, 2)
    checkpoints.remove_strays(tmp_path, fence(tmp_path))
    assert left(tmp_path) == [1, 2, 3]


def test_one_that_a_clock_ahead_has_named_is_not_gone_on_from_again_and_again(tmp_path: Path) -> None:
    for second, epoch in ((5, 29), (6, 30), (59, 10)):
        keep(tmp_path, second, epoch)
    listed(tmp_path, 5, 6)
    checkpoints.remove_strays(tmp_path, fence(tmp_path))
    assert left(tmp_path) == [5, 6]


def test_without_a_list_the_one_of_most_epochs_stays(tmp_path: Path) -> None:
    for second, epoch in ((1, 1), (2, 2), (3, None)):
        keep(tmp_path, second, epoch)
    checkpoints.remove_strays(tmp_path, fence(tmp_path))
    assert left(tmp_path) == [2]


@pytest.mark.parametrize("broken", [b"{", b"[]", b'{"checkpoint_results": [{}]}'])
def test_where_the_list_is_damaged_nothing_is_deleted(broken: bytes, tmp_path: Path) -> None:
    keep(tmp_path, 1, None)
    (tmp_path / ray_run.SNAPSHOT).write_bytes(broken)
    checkpoints.remove_strays(tmp_path, fence(tmp_path))
    assert left(tmp_path) == [1]


def test_an_attempt_that_a_newer_one_has_replaced_deletes_nothing(tmp_path: Path) -> None:
    keep(tmp_path, 1, None)
    ours = fence(tmp_path)
    ours.file.write_text("a newer one\n")
    checkpoints.remove_strays(tmp_path, ours)
    assert left(tmp_path) == [1]


def test_of_several_seeds_one_that_does_not_say_whose_it_is_is_nobodys(tmp_path: Path) -> None:
    """Ray was deleting seed 1's when the pod was killed, and its file that says so was the first to go."""
    keep(tmp_path, 1, 4)
    keep(tmp_path, 2, 1, seed=2)
    assert [path.name for path in checkpoints.of_seed(tmp_path, 2, alone=False)] == [named(2)]
    assert [path.name for path in checkpoints.of_seed(tmp_path, 1, alone=False)] == []
    assert [path.name for path in checkpoints.of_seed(tmp_path, 1)] == [named(1)], "as a release before left them"


def test_what_was_copied_of_a_checkpoint_that_finds_no_room_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(tmp_path, 1, 1)
    (state := tmp_path / "scratch").mkdir()

    def report(_: dict[str, Any], checkpoint: ray.train.Checkpoint) -> None:
        assert checkpoint.path == str(state)
        keep(tmp_path, 2, None)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ray.train, "report", report)
    with pytest.raises(StoreUnreachable, match=r"the checkpoint of epoch 2: .*No space left on device"):
        worker._keep(state, tmp_path, 2)
    assert left(tmp_path) == [1]


def test_a_checkpoint_counts_as_kept_once_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (state := tmp_path / "scratch").mkdir()
    synced = []

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(ray.train, "report", lambda _, checkpoint: keep(tmp_path, 1, 1, seed=7))
    worker._keep(state, tmp_path, 1)
    made = tmp_path / named(1)
    assert {made / "state.pt", made / "seed", made, tmp_path} <= set(synced)
    assert synced.index(made) > synced.index(made / "state.pt")


class Trained:
    """Stands for a training of 27 epochs."""

    def __init__(self) -> None:
        self.epoch, self.epochs, self.team = 0, 27, Team()

    def restore(self, checkpoint: Path) -> None:
        self.epoch = torch.load(checkpoint / "state.pt")["epoch"]


@pytest.mark.parametrize(
    ("own", "won", "epochs"),
    [(None, 1, (1, 1)), (5, 1, (5, 27)), (None, None, (0, 27))],
    ids=["ended early", "its state was lost, and it is trained anew", "its state is lost"],
)
def test_the_winner_of_a_search_is_taken_over_as_it_stands(
    own: int | None, won: int | None, epochs: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trial := tmp_path / "trials" / "2").mkdir(parents=True)
    if own is not None:
        keep(tmp_path, 1, own)
    if won is not None:
        torch.save({"epoch": won}, trial / "state.pt")
    monkeypatch.setattr(worker, "fresh", lambda settings: (Trained(), None))
    training, _ = worker.begun({"folder": str(tmp_path), "seed": 7, "won": str(trial)}, Team())
    assert (training.epoch, training.epochs) == epochs
