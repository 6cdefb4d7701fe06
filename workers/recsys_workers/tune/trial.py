"""What runs in the process of a trial: the task's training with the trial's hyperparameters, its state in the store."""

import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray.tune
import torch

from recsys_workers import manifest
from recsys_workers.manifest import ArtifactError
from recsys_workers.train import checkpoints, store
from recsys_workers.train.beginning import CannotBegin
from recsys_workers.train.events import Events
from recsys_workers.train.fence import Superseded, fence_of
from recsys_workers.train.loop import Loop, TrainingDiverged
from recsys_workers.train.reports import EpochReport
from recsys_workers.train.store import StoreUnreachable
from recsys_workers.train.worker import fresh, prepare_torch
from recsys_workers.tune.outcomes import STATE, folder_of

LOGGER = logging.getLogger(__name__)
LOCK = "lock"
PARTIAL = ".partial-"
"""What a state is called that is not whole yet."""
LET_GO_SECONDS = 60.0
"""How long a trial waits for the process of an attempt before, whose driver is dead, to end."""
OF_THE_RUN = (OSError, CannotBegin, ArtifactError, Superseded, StoreUnreachable, torch.AcceleratorError)
"""What no other hyperparameters would heal. A GPU that fails does so for every trial that its process trains later."""


def train_trial(settings: Mapping[str, Any], number: int, hyperparameters: Mapping[str, str]) -> None:
    """Train one trial from where an attempt before left it; reports each validation to Ray Tune.

    A trial that cannot be trained reports why, and ends as others do. Raises what all trials would meet.
    """
    prepare_torch(settings["threads"])
    folder = folder_of(Path(settings["folder"]), number)
    folder.mkdir(parents=True, exist_ok=True)
    with only_process(folder):
        for left in folder.glob(f"{PARTIAL}*"):
            shutil.rmtree(left, ignore_errors=True)
        told: dict[str, Any] = {"trial": number, "epoch": 0, "seconds": 0.0, "finished": False}
        try:
            training, _ = fresh({**settings, "hyperparameters": dict(hyperparameters)})
            _restore(training, folder / STATE)
            _train(training, settings, number, folder, told)
        except OF_THE_RUN:
            raise
        except Exception as error:
            reason = "TrainingDiverged" if isinstance(error, TrainingDiverged) else "TrialError"
            message = str(error) if isinstance(error, TrainingDiverged) else f"{type(error).__name__}: {error}"
            ray.tune.report({**told, "failed": reason, "message": message[:1000]})


def _train(training: Loop, settings: Mapping[str, Any], number: int, folder: Path, told: dict[str, Any]) -> None:
    """`told` is kept as it was last reported."""
    began, before, fence = time.monotonic(), training.seconds, fence_of(settings)
    events = Events(Path(settings["events"]) / f"trial-{number}", training.step)

    def report(epoch: int, best: float, best_epoch: int, *, finished: bool) -> None:
        seconds = before + time.monotonic() - began
        told.update(epoch=epoch, best=best, bestEpoch=best_epoch, seconds=seconds, finished=finished)
        ray.tune.report({**told, "epochs": training.epochs})

    def on_epoch(found: EpochReport) -> None:
        values = {} if found.loss is None else {"loss/training": found.loss}
        if found.validation is not None:
            values[f"validation/{training.validated_by}"] = found.validation
        values |= {f"validation/{name}": value for name, value in found.others.items()}
        events.scalars(found.step, values)

    def on_checkpoint() -> None:
        training.seconds = before + time.monotonic() - began
        store.await_turn(folder, fence)
        save(training, folder)
        finished = training.epoch == training.epochs or training.stopped_early
        report(training.epoch, training.best_validation, training.best_epoch, finished=finished)

    try:
        best, best_epoch = training.worst, 0
        for point in training.points:
            if training.better(point.validation, best):
                best, best_epoch = point.validation, point.epoch
            last = point.epoch == training.epoch and (training.epoch == training.epochs or training.stopped_early)
            if point.epoch:
                report(point.epoch, best, best_epoch, finished=last)
        training.run(on_epoch, on_checkpoint)
    finally:
        events.close()


def save(training: Loop, folder: Path) -> None:
    """Replace the trial's state by that of now, whole or not at all. Raises OSError of the store."""
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder, ignore_cleanup_errors=True) as made:
        partial = Path(made)
        try:
            training.save(partial)
        except RuntimeError as error:  # torch's own, whatever the file system answered
            raise OSError(f"The state of a trial cannot be written into {partial}: {error}") from error
        with (partial / STATE).open("rb") as state:
            os.fsync(state.fileno())
        (partial / STATE).replace(folder / STATE)
    manifest.sync_folder(folder)


def _restore(training: Loop, state: Path) -> None:
    """Go on from the state; raises StoreUnreachable where the store does not say whether there is one."""
    try:
        store.patiently(state.stat, f"given {state}")
    except FileNotFoundError:
        return
    if not checkpoints.is_whole(state.parent):
        LOGGER.warning("%s cannot be read, so the trial begins anew", state)
        return
    checkpoints.restore(training, state.parent)


@contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Hold the trial for this process: two that write would undo each other's work.

    A process of an attempt whose driver was killed lives on for a moment. The kernel lets go of the trial when it dies.
    """
    deadline = time.monotonic() + LET_GO_SECONDS
    with (folder / LOCK).open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise OSError(
                        f"Another process still holds {folder / LOCK} after {LET_GO_SECONDS:.0f} s."
                    ) from error
                time.sleep(0.1)
        yield
