"""Our side of the turns: the trainer's own loop, an epoch at a time; training and validation are timed apart."""

import json
import time
from pathlib import Path
from typing import Any

from benchmarks.training.beauty import Beauty

from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.train import deterministic
from recsys_workers.train.loop import STATE, Training, validation_of_lists
from recsys_workers.train.reports import EpochReport, StepReport

EPOCHS = "ours.json"


class TurnOver(Exception):
    """The epoch is kept, and the other side's turn."""


class Ours:
    """A training whose state and figures lie in a folder."""

    def __init__(self, folder: Path, beauty: Beauty, hyperparameters: Hyperparameters, seed: int, threads: int) -> None:
        deterministic.set_up(threads)
        self.folder, self.split = folder, beauty.split
        self.folder.mkdir(parents=True, exist_ok=True)
        self.targets = sum(len(sequence) - 1 for sequence in beauty.split.training)
        training, validation = beauty.split.training, beauty.split.validation
        self.training = Training(
            "SASRec", training, validation, beauty.n_items, hyperparameters, seed, exclude_seen=True
        )
        self.epochs: list[dict[str, Any]] = []
        if (self.folder / STATE).exists():
            self.training.restore(self.folder)
            self.epochs = json.loads((self.folder / EPOCHS).read_text())[: self.training.epoch]

    @property
    def ended(self) -> bool:
        """Whether there is no epoch left."""
        return self.training.epoch >= self.training.epochs or self.training.stopped_early

    def epoch(self) -> dict[str, Any]:
        """Train the next one, and keep it; the test figure is computed once the clock has stopped."""
        began = trained = told = _now()
        report: EpochReport | None = None

        def on_step(_: StepReport) -> None:
            nonlocal trained
            trained = _now()

        def on_epoch(found: EpochReport) -> None:
            nonlocal report, told
            report, told = found, _now()

        def on_checkpoint() -> None:
            raise TurnOver

        try:
            self.training.run(on_epoch, on_checkpoint, on_step)
        except TurnOver:
            assert report is not None
        else:
            raise RuntimeError("The training ended without an epoch.")
        length = self.training.max_length
        test = validation_of_lists(self.training.judged, self.split.test, length, exclude_seen=True)
        self.epochs.append(
            {
                "epoch": report.epoch,
                "loss": report.loss,
                "targets": self.targets,
                "training": _between(began, trained),
                "evaluation": _between(trained, told),
                "validation": report.validation,
                "test": test,
            }
        )
        self._keep()
        return self.epochs[-1]

    def _keep(self) -> None:
        """The figures first: of an epoch whose state is not there they are cut off again."""
        (self.folder / EPOCHS).write_text(json.dumps(self.epochs))
        partial = self.folder / "partial"
        partial.mkdir(exist_ok=True)
        self.training.save(partial)
        (partial / STATE).replace(self.folder / STATE)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _between(began: tuple[float, float], ended: tuple[float, float]) -> dict[str, float]:
    return {"clock": ended[0] - began[0], "processor": ended[1] - began[1]}
