"""What the trainer and the export need of a model of single rows, and what such models share.

Shapes are in the suffixes: B rows, N numeric inputs, C categorical columns, K outputs.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_workers.models.declaration import Declaration
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.preprocessing import BINARY, MULTICLASS, UNKNOWN


@dataclass(frozen=True, slots=True)
class RowShape:
    """The sizes of recsys_workers.preprocessing's inputs, and what is predicted."""

    numeric_width: int
    categorical_width: int
    table_size: int
    outputs: int
    objective: str


class RowModel(nn.Module):
    """Outputs [B, K] of rows; what they are stands in recsys_workers.predictions."""

    objective: str

    def forward(self, numeric_BN: Tensor, categorical_BC: Tensor) -> Tensor:  # noqa: N803
        """The outputs of each row, which no other row may change."""
        raise NotImplementedError

    def loss(self, numeric_BN: Tensor, categorical_BC: Tensor, target_B: Tensor, weight_B: Tensor) -> Tensor:  # noqa: N803
        """The mean over rows of weight times cross-entropy, or squared error in standard deviations of the label.

        `target_B` are classes' indices, or standardised labels, as float32.
        """
        output_BK = self(numeric_BN, categorical_BC)
        if self.objective == MULTICLASS:
            each_B = functional.cross_entropy(output_BK, target_B.long(), reduction="none")
        elif self.objective == BINARY:
            each_B = functional.binary_cross_entropy_with_logits(output_BK[:, 0], target_B, reduction="none")
        else:
            each_B = (output_BK[:, 0] - target_B) ** 2
        return (weight_B * each_B).mean()


class FirstLayer(nn.Module):
    """A linear layer over numeric inputs and one-hot codes; these are rows of a table, so no code is written out."""

    def __init__(self, shape: RowShape, width: int) -> None:
        super().__init__()
        self.numeric = nn.Linear(shape.numeric_width, width)
        self.table = nn.Embedding(shape.table_size, width, padding_idx=UNKNOWN)
        bound = 1 / math.sqrt(shape.numeric_width + shape.categorical_width)
        nn.init.uniform_(self.numeric.weight, -bound, bound)
        nn.init.uniform_(self.table.weight, -bound, bound)
        nn.init.zeros_(self.numeric.bias)
        with torch.no_grad():
            self.table.weight[UNKNOWN].zero_()

    def forward(self, numeric_BN: Tensor, categorical_BC: Tensor) -> Tensor:  # noqa: N803
        found: Tensor = self.numeric(numeric_BN) + self.table(categorical_BC).sum(1)
        return found


class RowArchitecture(Protocol):
    """The class of a model."""

    DECLARATION: Declaration

    def __call__(self, shape: RowShape, hyperparameters: Hyperparameters) -> RowModel:
        """A model for such inputs."""
        ...
