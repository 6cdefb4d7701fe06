"""DCN V2 (Wang et al., 2021, arXiv 2008.13535): explicit crosses of all columns, and a deep network beside or on them.

Without the paper's mixture of low-rank experts: a cross layer has one matrix, whole or as a product of two thin ones.

Shapes are in the suffixes: B rows, N numeric inputs, C categorical columns, K outputs, X the width of the first layer.
"""

import torch
from torch import Tensor, nn

from recsys_workers.models.common import with_defaults
from recsys_workers.models.declaration import Choice, Declaration, Hyperparameter, keeping_weights
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.layers import Dropout
from recsys_workers.models.practice import PRACTICE_RULES, ROW_PRACTICE
from recsys_workers.models.rowwise import RowModel, RowShape
from recsys_workers.preprocessing import UNKNOWN
from recsys_workers.tasks import RANKING

STACKED, PARALLEL = "Stacked", "Parallel"
SPREAD = 0.05
"""Standard deviation of a fresh embedding."""

DECLARATION = Declaration(
    architecture="DCNv2",
    description="Deep and cross network, version 2 (Wang et al., 2021, arXiv 2008.13535).",
    parameters=(
        Hyperparameter("embeddingSize", "integer", "16", 1, 256, "Width of the embedding of every categorical column."),
        Hyperparameter(
            "crossLayers", "integer", "2", 1, 8, "Number of cross layers: crosses of up to one more column."
        ),
        Hyperparameter(
            "crossRank",
            "integer",
            "0",
            0,
            1024,
            "Rank of each cross layer's matrix, as a product of two thin ones. 0: a whole matrix.",
        ),
        Choice(
            "structure",
            (STACKED, PARALLEL),
            "Stacked: the deep layers take what the cross layers give. Parallel: both take the columns, and the output "
            "takes both.",
        ),
        Hyperparameter("hiddenSize", "integer", "64", 1, 4096, "Width of every deep layer."),
        Hyperparameter("layers", "integer", "2", 1, 12, "Number of deep layers."),
        *keeping_weights(
            Hyperparameter("dropout", "number", "0.0", 0.0, 0.9, "Dropout after every deep layer."),
        ),
        *with_defaults(ROW_PRACTICE, batchSize="256"),
    ),
    rules=PRACTICE_RULES,
    task=RANKING,
)


class CrossLayer(nn.Module):
    """x0 * (W x + b) + x, equation 1 of the paper; with a rank, W = U V as in its equation 2."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        if rank:
            self.weight: nn.Module = nn.Sequential(nn.Linear(width, rank, bias=False), nn.Linear(rank, width))
        else:
            self.weight = nn.Linear(width, width)

    def forward(self, first_BX: Tensor, x_BX: Tensor) -> Tensor:  # noqa: N803
        crossed_BX: Tensor = first_BX * self.weight(x_BX) + x_BX
        return crossed_BX


class DCNv2(RowModel):
    """An embedding a categorical column and the numbers as they are; cross layers and deep layers; the outputs."""

    DECLARATION = DECLARATION

    def __init__(self, shape: RowShape, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        self.objective = shape.objective
        size, hidden = hyperparameters.integer("embeddingSize"), hyperparameters.integer("hiddenSize")
        width = shape.numeric_width + shape.categorical_width * size
        self.table = nn.Embedding(shape.table_size, size, padding_idx=UNKNOWN)
        nn.init.normal_(self.table.weight, std=SPREAD)
        with torch.no_grad():
            self.table.weight[UNKNOWN].zero_()
        rank, count = hyperparameters.integer("crossRank"), hyperparameters.integer("crossLayers")
        self.crosses = nn.ModuleList(CrossLayer(width, rank) for _ in range(count))
        deep: list[nn.Module] = []
        for layer in range(hyperparameters.integer("layers")):
            deep += [nn.Linear(hidden if layer else width, hidden), nn.ReLU()]
            deep.append(Dropout(hyperparameters.number("dropout")))
        self.deep = nn.Sequential(*deep)
        self.parallel = hyperparameters.choice("structure") == PARALLEL
        self.output = nn.Linear(width + hidden if self.parallel else hidden, shape.outputs)

    def forward(self, numeric_BN: Tensor, categorical_BC: Tensor) -> Tensor:  # noqa: N803
        first_BX = torch.cat([self.table(categorical_BC).flatten(1), numeric_BN], dim=1)
        x_BX = first_BX
        for cross in self.crosses:
            x_BX = cross(first_BX, x_BX)
        last = torch.cat([x_BX, self.deep(first_BX)], dim=1) if self.parallel else self.deep(x_BX)
        output_BK: Tensor = self.output(last)
        return output_BK
