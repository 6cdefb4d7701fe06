"""Ray Train for several workers that torch.distributed joins. Imports torch, which one worker's driver does not."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.torch.config import _TorchBackend
from ray.train.v2.api.config import FailureConfig, RunConfig, ScalingConfig

from recsys_workers.train.elastic import AsManyAsThereAre, LostPodsAreForgiven
from recsys_workers.train.one_pod import Lean


def sees_cuda() -> bool:
    """Whether the training in this process is on a GPU, which NCCL can join to others."""
    return torch.cuda.is_available() and torch.distributed.is_nccl_available()


class Joining(_TorchBackend):
    """NCCL where each worker has a GPU and torch sees it, else Gloo, which joins those that train on the CPU too.

    Ray goes by what was asked for, and the driver by what its own pod sees: so the workers are asked.
    """

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        """Join the workers of a group that has begun."""
        asked = worker_group.get_resources_per_worker().get("GPU", 0) > 0
        backend = "nccl" if asked and all(worker_group.execute(sees_cuda)) else "gloo"
        super().on_start(worker_group, replace(backend_config, backend=backend))


class ByWhatTheySee(TorchConfig):
    """TorchConfig whose backend the workers' devices decide."""

    @property
    def backend_cls(self) -> type[Joining]:
        """What joins the workers."""
        return Joining


class SeveralPodsTrainer(Lean, TorchTrainer):
    """TorchTrainer for a fixed number of workers on pods that are there already."""


class ElasticTrainer(SeveralPodsTrainer):
    """TorchTrainer for as many workers as there are pods now."""

    def _policies(self) -> dict[str, Any]:
        run = cast("RunConfig", self.run_config)
        folder = Path(str(run.storage_path)) / str(run.name)
        return {
            "scaling_policy": AsManyAsThereAre(cast("ScalingConfig", self.scaling_config), folder),
            "failure_policy": LostPodsAreForgiven(cast("FailureConfig", run.failure_config), folder),
        }
