"""From what the loop reports to status.progress: how far, how fast, how good, and for how long still."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from recsys_workers.train.history import History, text
from recsys_workers.train.progress import Progress
from recsys_workers.train.reports import EpochReport, StepReport

LOGGER = logging.getLogger(__name__)
START_PERCENT, END_PERCENT = 5, 80
"""The part of status.progress.percent that training takes."""
EVERY_SECONDS = 1.0
"""Steps are shorter than what anybody looks at."""
LOG_SECONDS = 60.0
"""An epoch that takes longer has a line in the log so often."""


class Watched(Protocol):
    """What is asked of the training."""

    epoch: int
    epochs: int
    validated_by: str

    def history(self) -> History:
        """Its validations so far."""
        ...


class Recorder(Protocol):
    """What keeps the figures of each epoch."""

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """The values by their names, after so many steps. Raises nothing, and takes no time to speak of."""
        ...


class Under:
    """A recorder of one of several trainings, whose figures stand under its name: `Seed 2/loss/training`."""

    def __init__(self, name: str, recorder: Recorder) -> None:
        self.name = name
        self.recorder = recorder

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """See Recorder."""
        self.recorder.scalars(step, {f"{self.name}/{key}": value for key, value in values.items()})


class Watch:
    """Tells the progress of one attempt's training, from its beginning on; `clock` counts seconds.

    `before` and `after` count the trainings of the run that are as long as this one: the folds of a cross-validation,
    of which `name` is this one's, and the training itself; or the seeds of an ensemble.
    """

    def __init__(
        self,
        training: Watched,
        progress: Progress,
        recorders: Sequence[Recorder] = (),
        clock: Callable[[], float] = time.monotonic,
        *,
        name: str = "",
        before: int = 0,
        after: int = 0,
    ) -> None:
        self.training = training
        self.progress = progress
        self.recorders = recorders
        self.clock = clock
        self._named = f"{name}: " if name else ""
        self._before, self._after = before, after
        self._message = f"{self._named}Training from epoch {training.epoch + 1} of {training.epochs} on."
        self._first_epoch = training.epoch
        self._began = self._told = clock()
        self._in_epoch = -1
        self._first_step = (0.0, 0)
        self._logged = 0.0
        self._pace = 0
        progress.known = training.history().fields()

    def on_step(self, report: StepReport) -> None:
        """A step is done. The message stays that of the last epoch: the condition follows it."""
        now = self.clock()
        if report.epoch != self._in_epoch:  # from here on, so that neither validation nor checkpoint counts
            self._in_epoch, self._first_step, self._logged = report.epoch, (now, report.targets), now
        seconds, targets = now - self._first_step[0], report.targets - self._first_step[1]
        if seconds > 0:
            self._pace = round(targets / seconds)
        if now - self._told >= EVERY_SECONDS:
            loss = {} if "loss" in self.progress.known else {"loss": text(report.loss)}
            self._tell(now, report.epoch, report.done, step=report.step, **loss)
        if now - self._logged >= LOG_SECONDS:
            self._log(now, report)

    def on_epoch(self, report: EpochReport) -> None:
        """An epoch is done, and validated where that was due."""
        found = report.validation
        loss = "begun with a version's weights" if report.loss is None else f"loss {report.loss:.4f}"
        known = "" if found is None else f", validation {self.training.validated_by} {found:.4f}"
        self._message = f"{self._named}Epoch {report.epoch} of {report.epochs}: {loss}{known}."
        LOGGER.info(self._message)
        of_epoch = {"epoch": report.epoch, "epochs": report.epochs, "step": report.step}
        told = {} if report.loss is None else {"loss": text(report.loss)}
        self.progress.known = {**self.training.history().fields(), **of_epoch, **told}
        self._tell(self.clock(), report.epoch, 0)
        self._record(report)

    def _log(self, now: float, report: StepReport) -> None:
        self._logged = now
        left = self._left(now, report.epoch + report.done)
        soon = "" if left is None else f", about {max(1, round(left / 60))} min left"
        where = f"{self._named}In epoch {report.epoch + 1} of {report.epochs}, at {100 * report.done:.0f} %"
        LOGGER.info("%s: loss %.4f, %d targets/s%s.", where, report.loss, self._pace, soon)

    def _record(self, report: EpochReport) -> None:
        values = {} if report.loss is None else {"loss/training": report.loss}
        if report.validation is not None:
            values[f"validation/{self.training.validated_by}"] = report.validation
        values |= {f"validation/{name}": value for name, value in report.others.items()}
        if self._pace:
            values["pace/targetsPerSecond"] = float(self._pace)
        for recorder in self.recorders:
            recorder.scalars(report.step, values)

    def _left(self, now: float, done: float) -> int | None:
        """Seconds until the trainings are over, after so many epochs of this one; None while there is no pace."""
        trained = done - self._first_epoch
        left = (1 + self._after) * self.training.epochs - done
        return round((now - self._began) / trained * left) if trained > 0 else None

    def _tell(self, now: float, epoch: int, share: float, **fields: str | int) -> None:
        """`epoch` counts the finished ones; `share` is what is done of the one that runs."""
        epochs = self.training.epochs
        done = epoch + share
        if (left := self._left(now, done)) is not None:
            fields["etaSeconds"] = left
        if self._pace:
            fields["targetsPerSecond"] = self._pace
        done_of_all, all_epochs = self._before * epochs + done, (self._before + 1 + self._after) * epochs
        percent = START_PERCENT + int((END_PERCENT - START_PERCENT) * done_of_all / all_epochs)
        self.progress.report("Training", percent, self._message, epoch=epoch, epochs=epochs, **fields)
        self._told = now
