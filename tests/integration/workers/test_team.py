"""Workers that train together make the steps that one makes alone, on the same batches."""

import multiprocessing
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.workers.tabular.tables import document
from tests.unit.workers.tabular.tables import rows as customers
from torch import Tensor

from recsys_workers.data.attributes import Attribute, ItemAttributes, coded
from recsys_workers.data.files import list_files
from recsys_workers.data.split import Examples
from recsys_workers.models.hyperparameters import Hyperparameters, check
from recsys_workers.models.registry import build
from recsys_workers.tabular import data, folds, schema
from recsys_workers.tabular.training import RowBatch
from recsys_workers.train import axes, checkpoints, run_config
from recsys_workers.train import worker as ray_worker
from recsys_workers.train.beginning import Beginning
from recsys_workers.train.fence import LOCK, Superseded
from recsys_workers.train.loop import Training
from recsys_workers.train.progress import Progress, StatusWriter
from recsys_workers.train.sampler import Batch
from recsys_workers.train.team import Team, joined
from recsys_workers.train.weights import tensors_of

pytestmark = pytest.mark.torch

ITEMS, EPOCHS = 12, 3
OLDER, NEWEST = "checkpoint_2026-01-01_00-00-00", "checkpoint_2026-01-01_00-00-05"


def hyperparameters() -> Hyperparameters:
    """Without dropout, which each worker draws for itself. Batches cannot be halved, and the last one has one row."""
    return check(
        "SASRec",
        {
            "hiddenSize": "8",
            "maxLength": "6",
            "epochs": str(EPOCHS),
            "batchSize": "5",
            "dropout": "0",
            "gradientClip": "1",
        },
    )


def brands() -> ItemAttributes:
    """Three of them, one after the other over the items."""
    items = np.arange(1, ITEMS + 1)
    return coded(ITEMS, [Attribute("brand", items, items % 3, list("abc"), 1)])[0]


def version() -> Beginning:
    """Weights of a model that knows all items but the first two, in the order of their names turned around."""
    torch.manual_seed(1)
    names = [f"i{number:02}" for number in range(ITEMS)]
    known = names[:1:-1]
    weights = {
        name: tensor.detach() for name, tensor in tensors_of(build("SASRec", len(known), hyperparameters())).items()
    }
    return Beginning(1, weights, {axes.ITEMS: axes.by_name(known, names)})


def training(*, continued: bool) -> Training:
    random = np.random.default_rng(3)
    sequences = [
        random.integers(1, ITEMS + 1, size=length).astype(np.int32) for length in (7, 4, 9, 3, 6, 5, 8, 4, 7, 5, 6)
    ]
    held = Examples(
        users=np.arange(4),
        histories=[sequence[:-1] for sequence in sequences[:4]],
        targets=np.array([sequence[-1] for sequence in sequences[:4]]),
    )
    more: dict[str, Any] = {"attributes": brands(), "beginning": version()} if continued else {}
    return Training("SASRec", sequences, held, ITEMS, hyperparameters(), 7, exclude_seen=False, **more)


def lived(team: Team, *, continued: bool) -> tuple[dict[str, Tensor], list[Any]]:
    """The weights, and what the epochs told."""
    torch.set_num_threads(1)
    one = training(continued=continued)
    one.team = team
    told: list[Any] = []
    one.run(lambda report: told.append((report.loss, report.validation)), lambda: None)
    return one.model.state_dict(), told


def worker(rank: int, size: int, folder: str) -> None:
    """One of the team, as Ray Train starts it; only the second is on the driver's node."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=size)
    team = joined(f"node-{rank}", "node-1", 7)
    assert (team.rank, team.size, team.teller, team.tells) == (rank, size, 1, rank == 1)
    assert team.agrees(3)
    assert not team.agrees(rank)
    seen = training(continued=False)
    seen.team = team
    own = Path(folder) / f"store-{rank}"
    assert team.agrees(0.0), "both are as far"
    if rank == 0:  # Its view of the store lags.
        threading.Timer(1.5, shutil.copytree, (Path(folder) / "store-1" / NEWEST, own / NEWEST)).start()
    checkpoints.go_on(seen, own, checkpoints.of_seed(own, 7))
    assert seen.epoch == 2
    for continued in (False, True):
        weights, told = lived(team, continued=continued)
        torch.save({"weights": weights, "told": told}, Path(folder) / f"{rank}-{continued}.pt")
    cross_validated(team, Path(folder) / "folds")
    torch.distributed.destroy_process_group()


def lay_down(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three folds of a small table, as the driver leaves them."""
    made = document(folder / "run", monkeypatch, customers(90))
    made["evaluation"]["byRatio"] = {"testPercent": 20, "validationPercent": 20, "folds": 3}
    config = run_config.parse(made)
    files = list_files(folder / "run" / "data", config.dataset.format)
    found = data.load(files, config, schema.parse(config.schema, config.objective))
    (folder / "folds").mkdir()
    folds.write(folder / "folds", found.folds)


def cross_validated(team: Team, folder: Path, newest: str = "this attempt") -> None:
    """Train the folds' models in an attempt that is the newest one, or is not."""
    text = dict(check("MLP", {"epochs": "2", "batchSize": "7", "hiddenSize": "8"}).text)
    settings = {"folder": str(folder), "architecture": "MLP", "hyperparameters": text, "seed": 1}
    settings["attempt"] = "this attempt"
    (folder / LOCK).write_text(newest)
    if not team.tells:
        folds.train(settings, 3, team)
        return
    progress = Progress(StatusWriter("shop", "churn-1", "uid-1"))
    try:
        folds.train(settings, 3, team, progress)
    finally:
        progress.close()


def keep_two(folder: Path) -> None:
    """Checkpoints after the first and after the second epoch."""
    one, names = training(continued=False), iter((OLDER, NEWEST))

    def keep() -> None:
        if name := next(names, ""):
            (folder / name).mkdir(parents=True)
            one.save(folder / name)

    one.run(lambda _: None, keep)


def outputs(folder: Path) -> list[Any]:
    return [np.load(folder / f"fold-{number}-outputs.npz")["outputs"] for number in (1, 2, 3)]


def test_an_attempt_that_a_newer_one_has_followed_leaves_no_fold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_down(tmp_path, monkeypatch)
    with pytest.raises(Superseded):
        cross_validated(Team(), tmp_path / "folds", newest="another one")
    assert not list((tmp_path / "folds").glob("*outputs*"))


def test_two_workers_make_the_steps_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """… also from a version's weights with attributes of items, and in each fold that no earlier attempt has done.

    They go on from the checkpoint that the teller has chosen, also where one of them sees it late.
    """
    lay_down(tmp_path, monkeypatch)
    keep_two(tmp_path / "store-1")
    shutil.copytree(tmp_path / "store-1" / OLDER, tmp_path / "store-0" / OLDER)
    shutil.copytree(tmp_path / "folds", tmp_path / "alone")
    np.savez(tmp_path / "folds" / "fold-1-outputs.npz", outputs=np.zeros(3))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=worker, args=(rank, 2, str(tmp_path))) for rank in range(2)]
    for process in processes:
        process.start()
    alone = {continued: lived(Team(), continued=continued) for continued in (False, True)}
    cross_validated(Team(), tmp_path / "alone")
    for process in processes:
        process.join(240)
        assert process.exitcode == 0
    for continued, (weights, told) in alone.items():
        both = [torch.load(tmp_path / f"{rank}-{continued}.pt", weights_only=True) for rank in range(2)]
        assert ("attributes.embedding.weight" in weights) == continued
        for name, expected in weights.items():
            assert torch.equal(both[0]["weights"][name], both[1]["weights"][name]), name
            torch.testing.assert_close(both[0]["weights"][name], expected, rtol=1e-3, atol=1e-5)
        assert both[0]["told"] == both[1]["told"]
        assert [loss is None for loss, _ in told] == ([True] if continued else []) + [False] * EPOCHS
        assert np.allclose(
            *(np.array(one, dtype=np.float64) for one in (both[0]["told"], told)), rtol=1e-3, equal_nan=True
        )
    kept, *made = outputs(tmp_path / "folds")
    assert kept.tolist() == [0, 0, 0], "an earlier attempt had it"
    for found, expected in zip(made, outputs(tmp_path / "alone")[1:], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
        assert np.ptp(expected) > 0.01


def test_workers_that_see_different_checkpoints_do_not_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Apart(Team):
        def agrees(self, value: float) -> bool:
            return False

        def text_from_teller(self, text: str) -> str:
            return text

    monkeypatch.setattr(ray_worker, "fresh", lambda settings: (training(continued=False), lambda progress: None))
    settings = {"folder": str(tmp_path), "seed": 1}
    assert ray_worker.begun(settings, Team())[0].epoch == 0
    with pytest.raises(checkpoints.CheckpointsDiffer, match="this one's is of epoch 0"):
        ray_worker.begun(settings, Apart(0, 2))


def test_a_worker_that_never_sees_what_the_others_go_on_from_does_not_train(tmp_path: Path) -> None:
    class Second(Team):
        def text_from_teller(self, text: str) -> str:
            return NEWEST

    one = training(continued=False)
    one.team = Second(1, 2)
    keep_two(tmp_path)
    (tmp_path / NEWEST / "state.pt").unlink()
    with pytest.raises(checkpoints.CheckpointsDiffer, match=f"goes on from {NEWEST}, and this one cannot"):
        checkpoints.go_on(one, tmp_path, checkpoints.of_seed(tmp_path, 7), 0)


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
@pytest.mark.parametrize("size", [2, 3])
def test_the_parts_of_a_batch_are_all_of_it_and_weigh_as_their_targets(rows: int, size: int) -> None:
    random = np.random.default_rng(rows)
    targets = torch.from_numpy(random.integers(0, 3, size=(rows, 4)))
    targets[:, -1] = 1
    batch = Batch(torch.arange(rows * 4).reshape(rows, 4), targets)
    parts = [Team(rank, size).part(batch) for rank in range(size)]
    counted = [part for part, weight in parts if weight]
    assert sorted(int(row[0]) for part in counted for row in part.history_BT) == list(range(0, rows * 4, 4))
    assert all(part.targets for part, _ in parts), "a worker without a sample still takes part in the step"
    means = [float((part.target_BT > 0).sum()) / part.targets * weight for part, weight in parts]
    assert np.isclose(sum(means) / size, 1.0)
    table = RowBatch((torch.arange(rows),))
    of_table = [Team(rank, size).part(table) for rank in range(size)]
    assert sorted(int(row) for part, weight in of_table if weight for row in part.tensors[0]) == list(range(rows))


def test_dropout_differs_by_worker_and_epoch_and_not_by_attempt() -> None:
    def drawn(team: Team, epoch: int) -> float:
        team.begin_epoch(epoch)
        return float(torch.rand(1))

    seen = [drawn(Team(rank, 2, seed=7), epoch) for rank in range(2) for epoch in range(3)]
    assert len(set(seen)) == 6
    assert [drawn(Team(rank, 2, seed=7), epoch) for rank in range(2) for epoch in range(3)] == seen
