"""What the trainer and the export need of a model that ranks items after a history."""

from typing import Protocol

from torch import Tensor

from recsys_workers.models.declaration import Declaration
from recsys_workers.models.hyperparameters import Hyperparameters


class SequentialModel(Protocol):
    """A torch module that scores every item as the next one after a history."""

    def __call__(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """Scores [B, n_items] after each history (left-padded with 0); padding further must change no score."""
        ...

    def loss(self, history_BT: Tensor, target_BT: Tensor) -> Tensor:  # noqa: N803
        """The training loss of a batch; target 0 means no target, history 0 padding or an item that is hidden."""
        ...


class Architecture(Protocol):
    """The class of a model."""

    DECLARATION: Declaration

    def __call__(self, n_items: int, hyperparameters: Hyperparameters) -> SequentialModel:
        """A model for so many items."""
        ...
