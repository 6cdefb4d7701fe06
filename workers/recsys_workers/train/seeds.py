"""The seeds of an ensemble, in Ray's worker: each is trained as a run with this seed is, then all are fused.

A member that is trained leaves its weights in the run's folder, so that a later attempt begins with the next one.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from recsys_workers import preprocessing
from recsys_workers.manifest import PREPROCESSING, ArtifactError
from recsys_workers.models import registry
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.items import plain
from recsys_workers.tabular import data
from recsys_workers.tabular import fusing as of_rows
from recsys_workers.tabular.training import shape_of
from recsys_workers.tasks import OF_ROWS
from recsys_workers.train import fusing, prepared, store, weights
from recsys_workers.train.fence import fence_of
from recsys_workers.train.loop import Loop, TrainingDiverged
from recsys_workers.train.progress import Progress
from recsys_workers.train.run_config import SCORES
from recsys_workers.train.seconds import Stopwatch
from recsys_workers.train.watch import END_PERCENT

LOGGER = logging.getLogger(__name__)


class TrainOne(Protocol):
    """Trains from the newest checkpoint of a seed to the last epoch, and tells of it under this name."""

    def __call__(self, settings: Mapping[str, Any], *, name: str, before: int, after: int) -> Loop:
        """The training that is over; `before` and `after` count the others."""
        ...


def train(settings: Mapping[str, Any], progress: Progress, stopwatch: Stopwatch, train_one: TrainOne) -> None:
    """Train the members that no earlier attempt has finished, and leave the graph and scores of them all.

    Raises TrainingDiverged, which names the seed, StoreUnreachable, and Superseded before it would write.
    """
    folder, seeds, fence = Path(settings["folder"]), settings["seeds"], fence_of(settings)
    for place, seed in enumerate(seeds):
        if _is_trained(folder, seed):
            LOGGER.info("seed %d was trained by an earlier attempt", seed)
            continue
        own = {**settings, "seed": seed, "events": str(Path(settings["events"]) / f"seed-{seed}")}
        try:
            done = train_one(own, name=f"Seed {seed}", before=place, after=len(seeds) - place - 1)
        except TrainingDiverged as error:
            raise TrainingDiverged(f"Seed {seed}: {error}") from error
        store.await_turn(folder, fence)
        weights.write(folder, plain(done.best_model()), _file(seed))
        progress.kept()
    stopwatch.lap("training")
    progress.report("Exporting", END_PERCENT, f"Fusing {len(seeds)} seeds, and ranking by them.")
    if settings["task"] in OF_ROWS:
        _rows(settings, folder)
    else:
        _lists(settings, folder)
    stopwatch.lap("export")


def _is_trained(folder: Path, seed: int) -> bool:
    """Whether an earlier attempt has left weights that can be read; raises StoreUnreachable."""
    file = folder / _file(seed)
    try:
        weights.decode(store.patiently(file.read_bytes, f"given {file}"))
    except FileNotFoundError:
        return False
    except ArtifactError as error:
        LOGGER.warning("%s is damaged, and its seed is trained again: %s", file, error)
        return False
    return True


def _lists(settings: Mapping[str, Any], folder: Path) -> None:
    hyperparameters = Hyperparameters(settings["hyperparameters"])
    length, n_items = hyperparameters.integer("maxLength"), settings["nItems"]
    members = [
        (_filled(registry.build(settings["architecture"], n_items, hyperparameters), folder, seed), length)
        for seed in settings["seeds"]
    ]
    ranking = fusing.Ranking(
        prepared.read(folder), n_items, length, hyperparameters.integer("inputLength"), settings["excludeSeen"]
    )
    fusing.lists(folder, members, SCORES, ranking, settings["threads"], fence_of(settings))


def _rows(settings: Mapping[str, Any], folder: Path) -> None:
    hyperparameters = Hyperparameters(settings["hyperparameters"])
    fitted = preprocessing.decode((folder / PREPROCESSING).read_bytes())
    members = [
        _filled(registry.build_rowwise(settings["architecture"], shape_of(fitted), hyperparameters), folder, seed)
        for seed in settings["seeds"]
    ]
    validation, test = data.read_part(folder, "validation"), data.read_part(folder, "test").inputs
    threads, fence = settings["threads"], fence_of(settings)
    of_rows.rows(folder, members, SCORES, fitted.target, validation, test, threads, fence)


def _filled(model: nn.Module, folder: Path, seed: int) -> nn.Module:
    weights.fill(model, weights.decode((folder / _file(seed)).read_bytes()))
    return model.eval()


def _file(seed: int) -> str:
    return f"seed-{seed}.safetensors"
