"""Workers that train together make the steps that one makes alone, on the same batches."""

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from recsys_workers.data.split import Examples
from recsys_workers.models.hyperparameters import Hyperparameters, check
from recsys_workers.tabular.training import RowBatch
from recsys_workers.train.loop import Training
from recsys_workers.train.sampler import Batch
from recsys_workers.train.team import Team, joined

pytestmark = pytest.mark.torch

ITEMS, EPOCHS = 12, 3


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


def training() -> Training:
    random = np.random.default_rng(3)
    sequences = [
        random.integers(1, ITEMS + 1, size=length).astype(np.int32) for length in (7, 4, 9, 3, 6, 5, 8, 4, 7, 5, 6)
    ]
    held = Examples(
        users=np.arange(4),
        histories=[sequence[:-1] for sequence in sequences[:4]],
        targets=np.array([sequence[-1] for sequence in sequences[:4]]),
    )
    return Training("SASRec", sequences, held, ITEMS, hyperparameters(), 7, exclude_seen=False)


def lived(team: Team) -> tuple[dict[str, Tensor], list[Any]]:
    """The weights, and what the epochs told."""
    torch.set_num_threads(1)
    one = training()
    one.team = team
    told: list[Any] = []
    one.run(lambda report: told.append((report.loss, report.validation)), lambda: None)
    return one.model.state_dict(), told


def worker(rank: int, size: int, folder: str) -> None:
    """One of the team, as Ray Train starts it; only the second is on the driver's node."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=size)
    team = joined(f"node-{rank}", "node-1", 7)
    assert (team.rank, team.size, team.teller, team.tells) == (rank, size, 1, rank == 1)
    weights, told = lived(team)
    torch.save({"weights": weights, "told": told}, Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_workers_make_the_steps_of_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=worker, args=(rank, 2, str(tmp_path))) for rank in range(2)]
    for process in processes:
        process.start()
    alone, alone_told = lived(Team())
    for process in processes:
        process.join(240)
        assert process.exitcode == 0
    both = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    for name, expected in alone.items():
        assert torch.equal(both[0]["weights"][name], both[1]["weights"][name]), name
        torch.testing.assert_close(both[0]["weights"][name], expected, rtol=1e-3, atol=1e-5)
    assert both[0]["told"] == both[1]["told"]
    assert np.allclose(both[0]["told"], alone_told, rtol=1e-3)


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
