"""A multilayer perceptron over a row's standardised numbers and one-hot codes: ReLU and dropout after each layer."""

from torch import Tensor, nn
from torch.nn import functional

from recsys_workers.models.common import with_defaults
from recsys_workers.models.declaration import Declaration, Hyperparameter, keeping_weights
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.layers import Dropout
from recsys_workers.models.practice import PRACTICE_RULES, ROW_PRACTICE
from recsys_workers.models.rowwise import FirstLayer, RowModel, RowShape
from recsys_workers.tasks import TABULAR

DECLARATION = Declaration(
    architecture="MLP",
    description="A multilayer perceptron over a row's columns.",
    parameters=(
        Hyperparameter("hiddenSize", "integer", "64", 1, 4096, "Width of every hidden layer."),
        Hyperparameter("layers", "integer", "1", 1, 12, "Number of hidden layers."),
        *keeping_weights(
            Hyperparameter("dropout", "number", "0.0", 0.0, 0.9, "Dropout after every hidden layer."),
        ),
        *with_defaults(ROW_PRACTICE, batchSize="256"),
    ),
    rules=PRACTICE_RULES,
    task=TABULAR,
)


class MLP(RowModel):
    """Hidden layers of one width, then the outputs."""

    DECLARATION = DECLARATION

    def __init__(self, shape: RowShape, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        self.objective = shape.objective
        width = hyperparameters.integer("hiddenSize")
        self.first = FirstLayer(shape, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(hyperparameters.integer("layers") - 1))
        self.output = nn.Linear(width, shape.outputs)
        self.dropout = Dropout(hyperparameters.number("dropout"))

    def forward(self, numeric_BN: Tensor, categorical_BC: Tensor) -> Tensor:  # noqa: N803
        x_BD: Tensor = self.dropout(functional.relu(self.first(numeric_BN, categorical_BC)))
        for layer in self.hidden:
            x_BD = self.dropout(functional.relu(layer(x_BD)))
        output_BK: Tensor = self.output(x_BD)
        return output_BK
