"""Logistic regression (Binary), multinomial logistic regression (Multiclass), or linear regression (Regression)."""

from torch import Tensor, nn

from recsys_workers.models.common import with_defaults
from recsys_workers.models.declaration import Declaration
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.practice import PRACTICE_RULES, ROW_PRACTICE
from recsys_workers.models.rowwise import FirstLayer, RowModel, RowShape
from recsys_workers.tasks import TABULAR

DECLARATION = Declaration(
    architecture="Linear",
    description="Logistic or linear regression, as the objective says.",
    parameters=with_defaults(ROW_PRACTICE, learningRate="0.01", batchSize="256"),
    rules=PRACTICE_RULES,
    task=TABULAR,
)


class Linear(RowModel):
    """One layer, which starts at zero: what it ends at depends on no random weights."""

    DECLARATION = DECLARATION

    def __init__(self, shape: RowShape, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        self.objective = shape.objective
        self.layer = FirstLayer(shape, shape.outputs)
        for parameter in self.layer.parameters():
            nn.init.zeros_(parameter)

    def forward(self, numeric_BN: Tensor, categorical_BC: Tensor) -> Tensor:  # noqa: N803
        output_BK: Tensor = self.layer(numeric_BN, categorical_BC)
        return output_BK
