"""Ray Train for several workers that torch.distributed joins. Imports torch, which one worker's driver does not."""

from ray.train.torch import TorchTrainer

from recsys_workers.train.one_pod import Lean


class SeveralPodsTrainer(Lean, TorchTrainer):
    """TorchTrainer for a fixed number of workers on pods that are there already."""
