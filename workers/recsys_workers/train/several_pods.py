"""Ray Train for several workers that torch.distributed joins. Imports torch, which one worker's driver does not."""

from pathlib import Path
from typing import Any, cast

from ray.train.torch import TorchTrainer
from ray.train.v2.api.config import FailureConfig, RunConfig, ScalingConfig

from recsys_workers.train.elastic import AsManyAsThereAre, LostPodsAreForgiven
from recsys_workers.train.one_pod import Lean


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
