"""Which torch module an architecture's name stands for: a new architecture is one file and one line here."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn

from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.sasrec import SASRec


class SequentialModel(Protocol):
    """What the trainer and the export need of a sequential recommender."""

    def __call__(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """Scores [B, n_items] after each history (left-padded with 0)."""
        ...

    def loss(self, history_BT: Tensor, target_BT: Tensor) -> Tensor:  # noqa: N803
        """The training loss of a batch; target 0 means no target."""
        ...


ARCHITECTURES: dict[str, Callable[[int, Hyperparameters], nn.Module]] = {
    "SASRec": SASRec,
}


def build(architecture: str, n_items: int, hyperparameters: Hyperparameters) -> nn.Module:
    """A freshly initialised model; torch's global random state decides the weights."""
    return ARCHITECTURES[architecture](n_items, hyperparameters)
