"""A model of single rows in training: batches of rows, and the metric that validates."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from recsys_workers.evaluate.gates import SMALLER_IS_BETTER
from recsys_workers.models import registry
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.rowwise import RowShape
from recsys_workers.predictions import Outputs
from recsys_workers.preprocessing import REGRESSION, Inputs, Preprocessing
from recsys_workers.tabular import metrics
from recsys_workers.tabular.data import Examples
from recsys_workers.train.axes import CATEGORIES, CLASSES
from recsys_workers.train.beginning import Beginning, Sizes
from recsys_workers.train.loop import Loop, TrainingDiverged

SCORED_AT_ONCE = 8192


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows; see `RowModel.loss`."""

    tensors: tuple[Tensor, ...]

    @property
    def targets(self) -> int:
        """How many rows."""
        return len(self.tensors[0])

    def part(self, first: int, every: int) -> "RowBatch":
        """Every `every`-th row from `first` on."""
        return RowBatch(tuple(tensor[first::every] for tensor in self.tensors))


class RowSampler:
    """Every row exactly once an epoch, in an order from one generator, whose state is the sampler's.

    With `most_batches` an epoch is the first so many of its batches.
    """

    def __init__(
        self, examples: Examples, preprocessing: Preprocessing, batch_size: int, seed: int, most_batches: int = 0
    ) -> None:
        target = preprocessing.target
        labels = examples.labels
        if target.objective == REGRESSION:
            labels = (labels - target.mean) / target.scale
        weights = examples.weights / examples.weights.mean()
        self.tensors = (
            torch.from_numpy(examples.inputs.numeric),
            torch.from_numpy(examples.inputs.categorical),
            torch.from_numpy(labels.astype(np.float32)),
            torch.from_numpy(weights.astype(np.float32)),
        )
        self.batch_size = batch_size
        self.most_batches = most_batches
        self.generator = torch.Generator().manual_seed(seed)

    def batches(self) -> Iterator[tuple[float, RowBatch]]:
        """The next epoch's batches, each with the share of the epoch that was done before it."""
        count = len(self.tensors[0])
        order = torch.randperm(count, generator=self.generator)
        if self.most_batches:
            count = min(count, self.most_batches * self.batch_size)
        for start in range(0, count, self.batch_size):
            rows = order[start : min(start + self.batch_size, count)]
            yield start / count, RowBatch(tuple(tensor[rows] for tensor in self.tensors))

    def state(self) -> Tensor:
        """The generator's state, for a checkpoint between two epochs."""
        return self.generator.get_state()

    def restore(self, state: Tensor) -> None:
        """Continue as the sampler whose state this is would have."""
        self.generator.set_state(state)


class RowTraining(Loop):
    """A model of single rows in training."""

    def __init__(
        self,
        architecture: str,
        preprocessing: Preprocessing,
        training: Examples,
        validation: Examples,
        hyperparameters: Hyperparameters,
        seed: int,
        beginning: Beginning | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.target = preprocessing.target
        self.validation = validation
        self.validated_by = metrics.VALIDATED_BY[self.target.objective]
        self.smaller_is_better = self.validated_by in SMALLER_IS_BETTER
        shape = shape_of(preprocessing)
        model = registry.build_rowwise(architecture, shape, hyperparameters)
        if beginning is not None:
            beginning.carry_into(
                model, lambda sizes: registry.build_rowwise(architecture, _resized(shape, sizes), hyperparameters)
            )
        batch_size, most = hyperparameters.integer("batchSize"), hyperparameters.integer("stepsPerEpoch")
        sampler = RowSampler(training, preprocessing, batch_size, seed, most)
        super().__init__(model, sampler, hyperparameters, beginning)

    def validations_of(self, model: nn.Module) -> dict[str, float]:
        """The metrics on the validation rows; raises TrainingDiverged where an output is no finite number."""
        outputs = outputs_of(model, self.validation.inputs)
        found = {name: self._found(name, outputs) for name in (self.validated_by, *self.others)}
        if not math.isfinite(chosen_by := found[self.validated_by]):
            raise TrainingDiverged(
                f"The {self.validated_by} of the validation rows is {chosen_by} after epoch {self.epoch}: the training "
                "diverged. Lower the hyperparameter learningRate."
            )
        return found

    def _found(self, metric: str, outputs: Outputs) -> float:
        rows = self.validation
        return float(metrics.per_row(metric, self.target, outputs, rows.labels, rows.users).mean())

    def best_outputs(self, inputs: Inputs) -> Outputs:
        """torch's outputs of rows by the weights that validated best; ends the training."""
        return outputs_of(self.best_model(), inputs)


def shape_of(preprocessing: Preprocessing) -> RowShape:
    """The sizes that a model is made for."""
    return RowShape(
        preprocessing.numeric_width,
        preprocessing.categorical_width,
        preprocessing.table_size,
        preprocessing.target.outputs,
        preprocessing.target.objective,
    )


def _resized(shape: RowShape, sizes: Sizes) -> RowShape:
    return replace(shape, table_size=sizes[CATEGORIES], outputs=sizes[CLASSES])


def outputs_of(model: nn.Module, inputs: Inputs) -> Outputs:
    """torch's outputs of all rows."""
    model.eval()
    device = next(model.parameters()).device
    parts = []
    with torch.no_grad():
        for start in range(0, len(inputs), SCORED_AT_ONCE):
            end = start + SCORED_AT_ONCE
            numeric, categorical = (torch.from_numpy(part[start:end]) for part in (inputs.numeric, inputs.categorical))
            parts.append(model(numeric.to(device), categorical.to(device)).cpu().numpy())
    return np.concatenate(parts)
