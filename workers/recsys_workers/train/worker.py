"""What runs in Ray's worker: the training loop with its checkpoints in the store and its progress in the status."""

import logging
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import ray
import ray.train
import torch

from recsys_workers import manifest
from recsys_workers.data.split import Examples
from recsys_workers.evaluate.scoring import Graph, tasks_of
from recsys_workers.export.graph import export
from recsys_workers.export.reference import reference
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.items import plain
from recsys_workers.tabular import folds
from recsys_workers.tabular import worker as tabular
from recsys_workers.tasks import OF_ROWS
from recsys_workers.train import (
    axes,
    checkpoints,
    deterministic,
    history,
    leftovers,
    mlflow,
    origin,
    prepared,
    scored,
    seeds,
    store,
    weights,
)
from recsys_workers.train.beginning import Beginning
from recsys_workers.train.events import Events
from recsys_workers.train.fence import fence_of
from recsys_workers.train.logs import configure
from recsys_workers.train.loop import Loop, Training
from recsys_workers.train.progress import Progress, StatusWriter
from recsys_workers.train.readings import Readings
from recsys_workers.train.scored import Scored
from recsys_workers.train.seconds import Stopwatch
from recsys_workers.train.store import StoreUnreachable
from recsys_workers.train.team import Team, joined
from recsys_workers.train.watch import END_PERCENT, Under, Watch

LOGGER = logging.getLogger(__name__)
EVALUATION_PERCENT = 85


def train_worker(settings: Mapping[str, Any]) -> None:
    """Train from the newest checkpoint to the last epoch; a run that is finished already returns at once.

    Of several workers, which all call this, one tells, saves and exports.
    """
    stopwatch = Stopwatch(settings.get("began", time.time()))
    prepare_torch(settings["threads"])
    team, count = joined_by(settings), settings.get("folds", 0)
    if not team.tells:
        # The folds come before the training itself, which then seeds torch as it does without them.
        folds.train(settings, count, team)
        training, _ = begun(settings, team)
        training.run(lambda _: None, lambda: ray.train.report({"epoch": training.epoch}))
        return
    readings = Readings(Path(settings["readings"])) if "readings" in settings else None
    writer = StatusWriter(settings["namespace"], settings["name"], settings["uid"], fence_of(settings))
    progress = Progress(writer, readings)
    progress.always = settings.get("always", {})
    if settings.get("workers", 1) > 1:
        progress.of_attempt["workers"] = team.size
    checkpoints.remove_strays(Path(settings["folder"]), fence_of(settings), alone="seeds" not in settings)
    stopwatch.lap("prepare")
    try:
        folds.train(settings, count, team, progress)
        if count:
            stopwatch.lap("folds")
        if settings.get("seeds"):
            seeds.train(settings, progress, stopwatch, partial(_trained, progress=progress))
        else:
            _train(settings, team, progress, stopwatch)
        stopwatch.leave(Path(settings["folder"]))
    finally:
        progress.close()


def prepare_torch(threads: int) -> None:
    """What the process of a training sets before it: log, threads, and products that are the same each time."""
    configure()
    deterministic.set_up(threads)


def joined_by(settings: Mapping[str, Any]) -> Team:
    """This worker's place among those of the run."""
    if settings.get("workers", 1) == 1:
        return Team()
    team = joined(ray.get_runtime_context().get_node_id(), settings["driversNode"], settings["seed"])
    LOGGER.info("worker %d of %d, joined by %s", team.rank + 1, team.size, torch.distributed.get_backend())
    return team


def _train(settings: Mapping[str, Any], team: Team, progress: Progress, stopwatch: Stopwatch) -> None:
    """Train, tell and keep checkpoints, then export and score: what the teller does."""
    training, finish = begun(settings, team)
    stopwatch.lap("prepare")
    _run(training, settings, progress, before=settings.get("folds", 0))
    stopwatch.lap("training")
    progress.report("Exporting", END_PERCENT, f"Exporting the weights of epoch {training.best_epoch} to ONNX.")
    finish(progress)
    stopwatch.lap("export", progress.since.get("Evaluating"))
    stopwatch.lap("scoring")


def _trained(settings: Mapping[str, Any], progress: Progress, *, name: str, before: int, after: int) -> Loop:
    """One of several trainings of the run, when it is over."""
    training, _ = begun(settings, Team())
    _run(training, settings, progress, name=name, before=before, after=after)
    return training


def _run(
    training: Loop, settings: Mapping[str, Any], progress: Progress, *, name: str = "", before: int = 0, after: int = 0
) -> None:
    """Train to the last epoch, tell of it and keep checkpoints; see Watch."""
    folder, fence = Path(settings["folder"]), fence_of(settings)
    events = Events(Path(settings["events"]), training.step)
    logged = mlflow.connect(
        settings["namespace"], settings["model"], settings["name"], settings["uid"], progress.readings
    )
    recorders = [events, *([Under(name, logged) if name else logged] if logged else [])]
    watch = Watch(training, progress, recorders, name=name, before=before, after=after)
    if logged:
        logged.parameters(settings["parameters"])

    def on_checkpoint() -> None:
        with tempfile.TemporaryDirectory() as scratch:
            training.save(Path(scratch))
            (Path(scratch) / checkpoints.SEED).write_text(f"{settings['seed']}\n")
            store.await_turn(folder, fence)
            _keep(Path(scratch), folder, training.epoch)
        progress.kept()

    try:
        training.run(watch.on_epoch, on_checkpoint, watch.on_step)
        store.await_turn(folder, fence)
        history.write(folder, training.history())
        if training.stopped_early:
            LOGGER.info(
                "stopped after epoch %d of %d: %d validations brought nothing better than epoch %d",
                training.epoch,
                training.epochs,
                training.without_better,
                training.best_epoch,
            )
    finally:
        events.close()
        if logged:
            logged.close()


def _keep(state: Path, folder: Path, epoch: int) -> None:
    """Have Ray copy the state into the run's folder, and that on the disk; raises StoreUnreachable.

    Where it cannot be copied, as where there is no room, what was copied is deleted: the next attempt needs the room.
    """
    before = store.patiently(partial(checkpoints.names, folder), f"listed {folder}")
    try:
        ray.train.report({"epoch": epoch}, checkpoint=ray.train.Checkpoint.from_directory(str(state)))
    except OSError as error:
        with suppress(OSError):
            leftovers.remove_these(folder, checkpoints.names(folder) - before)
        raise StoreUnreachable(
            f"The store has not taken the checkpoint of epoch {epoch}: {error}. See that the RecModel's spec.storage "
            "answers and has room."
        ) from error
    checkpoints.sync(folder)


def begun(settings: Mapping[str, Any], team: Team) -> tuple[Loop, Callable[[Progress], None]]:
    """The team's training where an earlier attempt left it, and what exports and scores it at its end.

    Without a checkpoint of its own it goes on from the state of the trial that won, where there was a search, and takes
    it over as it stands, also if that trial was ended early.
    """
    training, finish = fresh(settings)
    training.team = team
    folder, won = Path(settings["folder"]), [Path(settings["won"])] if "won" in settings else []
    own = checkpoints.of_seed(folder, settings["seed"], alone="seeds" not in settings)
    chosen = checkpoints.go_on(training, folder, chain(own, won))
    if won and chosen == str(won[0].relative_to(folder)):
        training.epochs = training.epoch
    return training, finish


def fresh(settings: Mapping[str, Any]) -> tuple[Loop, Callable[[Progress], None]]:
    """The task's training at its beginning, and what exports and scores it at its end."""
    beginning = beginning_of(settings)
    if settings["task"] in OF_ROWS:
        rows = tabular.training_of(settings, beginning)
        rows.measure(settings.get("metrics", ()))
        return rows, lambda progress: tabular.export_and_score(rows, settings, progress)
    split = prepared.read(Path(settings["folder"]))
    training = Training(
        settings["architecture"],
        split.training,
        split.validation,
        settings["nItems"],
        Hyperparameters(settings["hyperparameters"]),
        settings["seed"],
        exclude_seen=settings["excludeSeen"],
        attributes=prepared.read_attributes(Path(settings["folder"])),
        beginning=beginning,
    )
    if "validatedBy" in settings:
        training.validate_by(settings["validatedBy"])
    training.measure(settings.get("metrics", ()))
    return training, lambda progress: export_and_score(training, split.test, settings, progress)


def beginning_of(settings: Mapping[str, Any]) -> Beginning | None:
    """The weights that the run begins with, verified; None where it begins anew."""
    told = settings["initFrom"]
    if told is None:
        return None
    folder = Path(settings["folder"])
    version = manifest.load(folder / origin.FOLDER, told["digest"], {manifest.WEIGHTS})
    return Beginning(told["version"], weights.decode(version.contents[manifest.WEIGHTS]), axes.read(folder))


def export_and_score(training: Training, test: Examples, settings: Mapping[str, Any], progress: Progress) -> None:
    """Leave the best weights, their graph and every test user's list in the run's folder."""
    folder, fence = Path(settings["folder"]), fence_of(settings)
    model = training.best_model()
    store.await_turn(folder, fence)
    weights.write(folder, plain(model))  # Attributes may be others in the run that begins with them.
    n_items = settings["nItems"]
    input_length = training.hyperparameters.integer("inputLength")
    onnx = export(model, n_items, input_length)
    LOGGER.info("exported epoch %d to ONNX, %d bytes", training.best_epoch, len(onnx))
    text = f"Ranking all {n_items} items for {len(test.targets)} test targets."
    progress.report("Evaluating", EVALUATION_PERCENT, text)
    tasks = tasks_of(test.histories, exclude_seen=settings["excludeSeen"])
    lists = Graph(onnx, n_items, training.max_length, input_length, settings["threads"]).lists(tasks)
    found = reference(model, tasks, lists, training.max_length)
    store.await_turn(folder, fence)
    scored.write(folder, onnx, Scored(lists, found, training.best_epoch, training.best_validation))
