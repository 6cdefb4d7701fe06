"""Which of torch's backends joins several workers: what they see says so, where the run asks for GPUs."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("ray")

import torch
from ray.train.torch.config import _TorchBackend

from recsys_workers.train import ray_run
from recsys_workers.train.several_pods import Joining, sees_cuda

pytestmark = pytest.mark.torch


class Group:
    """Workers that each have so many GPUs by Ray's count, and see CUDA or do not."""

    def __init__(self, gpus: int, see: list[bool]) -> None:
        self.gpus = gpus
        self.see = see

    def get_resources_per_worker(self) -> dict[str, float]:
        """As Ray has it: without an entry where none was asked for."""
        return {"CPU": 1.0, **({"GPU": float(self.gpus)} if self.gpus else {})}

    def execute(self, function: Callable[[], bool]) -> list[bool]:
        """What each worker answers."""
        assert function is sees_cuda
        return self.see


@pytest.mark.parametrize(
    ("gpus", "see", "backend"),
    [
        (1, [True, True], "nccl"),
        (1, [False, False], "gloo"),
        (1, [False, True], "gloo"),  # a head without a GPU
        (1, [True, False], "gloo"),
        (0, [True, True], "gloo"),  # two on one machine may see the same GPU, which NCCL refuses
    ],
)
def test_workers_are_joined_by_what_all_of_them_have(
    gpus: int, see: list[bool], backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(_TorchBackend, "on_start", lambda _, group, config: begun.append(config))
    _, more = ray_run._trainer(2, elastic=False)
    config = more["torch_config"]
    assert config.backend_cls is Joining
    config.backend_cls().on_start(Group(gpus, see), config)
    assert [(one.backend, one.timeout_s) for one in begun] == [(backend, ray_run.LONGEST_WAIT_SECONDS)]


def test_a_worker_without_cuda_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not sees_cuda()
