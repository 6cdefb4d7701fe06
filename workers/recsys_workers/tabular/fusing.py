"""Fusing models of rows into one graph, and holding it against the members' own graphs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from recsys_workers import manifest, preprocessing
from recsys_workers.export.graph import export_module
from recsys_workers.models import registry
from recsys_workers.models.ensemble import MeanOutputs, soup
from recsys_workers.predictions import Outputs
from recsys_workers.preprocessing import Inputs, Target
from recsys_workers.tabular import metrics, scored
from recsys_workers.tabular.continued import Continued
from recsys_workers.tabular.data import Examples, Rowwise, inputs_of
from recsys_workers.tabular.graph import RowGraph
from recsys_workers.tabular.scored import ScoredRows
from recsys_workers.tabular.training import outputs_of, shape_of
from recsys_workers.train import store, weights
from recsys_workers.train.axes import CATEGORIES, CLASSES
from recsys_workers.train.beginning import Sizes
from recsys_workers.train.fence import Fence
from recsys_workers.train.fusing import carried, require_close
from recsys_workers.train.members import Member
from recsys_workers.train.run_config import WEIGHTS


@dataclass(frozen=True, slots=True)
class Scorer:
    """A version: its network in terms of the run's categories and classes, and where these classes stand there."""

    model: nn.Module
    member: Member
    classes: Sequence[int]


def scorer(member: Member, one: Continued) -> Scorer:
    """A version's network; raises AttemptFailed."""
    shape = shape_of(one.preprocessing)

    def sized(sizes: Sizes) -> nn.Module:
        resized = replace(shape, table_size=sizes[CATEGORIES], outputs=sizes[CLASSES])
        return registry.build_rowwise(member.described.architecture, resized, member.hyperparameters)

    return Scorer(carried(member, one.axes, sized), member, one.axes[CLASSES].places.tolist())


def rows(
    folder: Path,
    models: Sequence[nn.Module],
    method: str,
    target: Target,
    validation: Examples,
    test: Inputs,
    threads: int,
    fence: Fence,
) -> Outputs:
    """Leave the graph of models, and every test row's outputs, in the run's folder; of one network its weights too.

    Returns the outputs. Raises StoreUnreachable, and Superseded before it would write.
    """
    torch.set_num_threads(threads)
    fused = soup(models) if method == WEIGHTS else MeanOutputs(models).eval()
    if method == WEIGHTS:
        store.await_turn(folder, fence)
        weights.write(folder, fused)
    onnx = exported(fused, test)
    made = RowGraph(onnx, threads).outputs(test)
    name = metrics.VALIDATED_BY[target.objective]
    validated = float(metrics.per_row(name, target, outputs_of(fused, validation.inputs), validation.labels).mean())
    outputs = ScoredRows(made, outputs_of(fused, test), 0, validated)
    store.await_turn(folder, fence)
    scored.write(folder, onnx, outputs)
    return made


def exported(model: nn.Module, inputs: Inputs) -> bytes:
    """The ONNX file of a model of rows, such as these."""
    example = tuple(torch.from_numpy(np.repeat(part[:1], 2, axis=0)) for part in (inputs.numeric, inputs.categorical))
    return export_module(model, example, ["numeric", "categorical"], ["output"])


def require_mean(scorers: Sequence[Scorer], data: Rowwise, made: Outputs, threads: int) -> None:
    """Raise AttemptFailed where the members' own graphs give another mean for the test rows."""
    mean = np.mean([_own_outputs(one, data, threads) for one in scorers], axis=0)
    require_close(made, mean, "outputs")


def _own_outputs(one: Scorer, data: Rowwise, threads: int) -> Outputs:
    """What the version's own graph gives, by its own preprocessing, in the order of the run's classes."""
    contents = one.member.version.contents
    inputs = inputs_of(preprocessing.decode(contents[manifest.PREPROCESSING]), data.table, data.rows[data.parts.test])
    return RowGraph(contents[manifest.MODEL], threads).of_pieces(inputs)[:, list(one.classes)]
