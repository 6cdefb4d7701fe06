"""What Ray's worker does for a run on rows: the training that it is to go on with, and the scores of the test rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys_workers import preprocessing
from recsys_workers.data import arrays
from recsys_workers.manifest import PREPROCESSING
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.preprocessing import Preprocessing
from recsys_workers.tabular import data, scored
from recsys_workers.tabular.data import Examples
from recsys_workers.tabular.fusing import exported
from recsys_workers.tabular.graph import RowGraph
from recsys_workers.tabular.scored import ScoredRows
from recsys_workers.tabular.training import RowTraining, outputs_of
from recsys_workers.train import memory, store, weights
from recsys_workers.train.beginning import Beginning
from recsys_workers.train.fence import fence_of
from recsys_workers.train.progress import Progress

SHARE_OF_MEMORY = 0.5
"""Rows that take more of it will not all stay there: what an epoch's order asks for is read alone."""


def training_of(settings: Mapping[str, Any], beginning: Beginning | None) -> RowTraining:
    """A training on what the driver laid down, at its beginning."""
    fitted = preprocessing.decode((Path(settings["folder"]) / PREPROCESSING).read_bytes())
    return training_on(settings, fitted, data.NAME, beginning)


def training_on(
    settings: Mapping[str, Any], fitted: Preprocessing, name: str, beginning: Beginning | None = None
) -> RowTraining:
    """A training on rows that the driver laid down under this name, which `fitted` made."""
    folder = Path(settings["folder"])
    training = RowTraining(
        settings["architecture"],
        fitted,
        training_rows(folder, name),
        data.read_part(folder, "validation", name),
        Hyperparameters(settings["hyperparameters"]),
        settings["seed"],
        beginning,
    )
    if "validatedBy" in settings:
        training.validate_by(settings["validatedBy"])
    return training


def training_rows(folder: Path, name: str) -> Examples:
    """The rows to train on, which an epoch reads in an order of its own."""
    rows = data.read_part(folder, "train", name)
    inputs = (rows.inputs.numeric, rows.inputs.categorical)
    if sum(array.nbytes for array in inputs) > memory.limit() * SHARE_OF_MEMORY:
        for array in inputs:
            arrays.read_in_any_order(array)
    return rows


def export_and_score(training: RowTraining, settings: Mapping[str, Any], progress: Progress) -> None:
    """Leave the best weights, their graph and every test row's outputs in the run's folder."""
    folder = Path(settings["folder"])
    test = data.read_part(folder, "test").inputs
    model, fence = training.best_model(), fence_of(settings)
    store.await_turn(folder, fence)
    weights.write(folder, model)
    onnx = exported(model, test)
    progress.report("Evaluating", 85, f"Scoring {len(test)} test rows.")
    found = ScoredRows(
        RowGraph(onnx, settings["threads"]).outputs(test),
        outputs_of(model, test),
        training.best_epoch,
        training.best_validation,
    )
    store.await_turn(folder, fence)
    scored.write(folder, onnx, found)
