"""What became of each trial, kept in the run's folder: a later attempt runs those that have none. No torch in here.

A trial has a folder `trials/<number>` in the run's. Its state is there while it runs, and after that only as long as no
other trial that has ended is better.
"""

import json
import logging
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recsys_workers import manifest
from recsys_workers.evaluate.metrics import text
from recsys_workers.train import store
from recsys_workers.tune import space
from recsys_workers.tune.space import Trial, Tuning

LOGGER = logging.getLogger(__name__)
TRIALS = "trials"
OUTCOME = "outcome.json"
STATE = "state.pt"
"""The trial's training, as recsys_workers.train.loop saves it."""
FINISHED, ENDED_EARLY, FAILED = "Finished", "EndedEarly", "Failed"


@dataclass(frozen=True, slots=True)
class Objective:
    """What is compared: the metric by which the task's training validates."""

    metric: str
    smaller_is_better: bool

    def settings(self) -> dict[str, Any]:
        """What Ray's worker is told of it."""
        return {"validatedBy": {"metric": self.metric, "smallerIsBetter": self.smaller_is_better}}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended, after how many epochs and seconds of training, and its best validation; None without any.

    `points` are its validations: the epoch, and the best value until then. `reason` and `message` say why it failed.
    """

    trial: int
    state: str
    epochs: int
    best: float | None
    best_epoch: int
    seconds: float
    points: tuple[tuple[int, float], ...] = ()
    reason: str = ""
    message: str = ""


def folder_of(run_folder: Path, trial: int) -> Path:
    """The trial's folder."""
    return run_folder / TRIALS / str(trial)


def write(run_folder: Path, outcome: Outcome) -> None:
    """Keep it, durably."""
    data = (json.dumps(asdict(outcome)) + "\n").encode()
    manifest.write_file(folder_of(run_folder, outcome.trial) / OUTCOME, data)


def read(run_folder: Path, trials: Iterable[Trial]) -> dict[int, Outcome]:
    """The trials that have ended, by their numbers; one whose outcome is damaged is to be run again.

    Raises StoreUnreachable.
    """
    found = {}
    for trial in trials:
        path = folder_of(run_folder, trial.number) / OUTCOME
        try:
            record = json.loads(store.patiently(path.read_text, f"given {path}"))
            points = tuple((int(epoch), float(best)) for epoch, best in record.pop("points"))
            found[trial.number] = Outcome(**record, points=points)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            LOGGER.warning("%s cannot be read, so trial %d is run again: %s", path, trial.number, error)
    return found


def winner(outcomes: Iterable[Outcome], objective: Objective) -> Outcome | None:
    """The best of those that did not fail, of equal ones the first; None without any."""
    sign = 1.0 if objective.smaller_is_better else -1.0
    able = [one for one in outcomes if one.state != FAILED and one.best is not None and math.isfinite(one.best)]
    return min(able, key=lambda one: (sign * float(one.best or 0.0), one.trial), default=None)


def tidy(run_folder: Path, outcomes: Mapping[int, Outcome], objective: Objective) -> None:
    """Remove the states of trials that have ended and are not the best of these. What cannot be removed stays."""
    best = winner(outcomes.values(), objective)
    for number in outcomes:
        if best is not None and number == best.trial:
            continue
        try:
            (folder_of(run_folder, number) / STATE).unlink(missing_ok=True)
        except OSError as error:
            LOGGER.warning("the state of trial %d is of no use any more and cannot be deleted: %s", number, error)


def remove_others(run_folder: Path, name: str) -> None:
    """Remove what is in the folder of the trials besides theirs, such as what Ray Tune left there."""
    shutil.rmtree(run_folder / TRIALS / name, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Search:
    """A search that is over: what was searched, the trials, and what became of each."""

    tuning: Tuning
    objective: Objective
    trials: Sequence[Trial]
    outcomes: Mapping[int, Outcome]

    @property
    def best(self) -> Outcome:
        """The winner's outcome; raises ValueError when all failed."""
        found = winner(self.outcomes.values(), self.objective)
        if found is None:
            raise ValueError(f"All {len(self.trials)} trials failed.")
        return found

    @property
    def winner(self) -> Trial:
        """The winner."""
        return self.trials[self.best.trial - 1]

    def short(self) -> dict[str, Any]:
        """What the manifest says of it: that of status.result.tuning, and the space."""
        return {
            "trials": len(self.trials),
            "endedEarly": self._count(ENDED_EARLY),
            "failed": self._count(FAILED),
            "metric": self.objective.metric,
            "best": text(float(self.best.best or 0.0)),
            "bestTrial": self.best.trial,
            "hyperparameters": dict(self.winner.tuned),
            "parameters": space.document(self.tuning),
        }

    def _count(self, state: str) -> int:
        return sum(one.state == state for one in self.outcomes.values())

    def encode(self) -> bytes:
        """The bytes of tuning.json."""
        asha = self.tuning.asha
        document = {
            "objective": {
                "metric": self.objective.metric,
                "direction": "Minimize" if self.objective.smaller_is_better else "Maximize",
            },
            "parameters": space.document(self.tuning),
            "maxTrials": self.tuning.trials,
            "parallelTrials": self.tuning.parallel,
            "asha": None if asha is None else {"gracePeriod": asha.grace, "reductionFactor": asha.factor},
            "seed": self.tuning.seed,
            "winner": self.best.trial,
            "trials": [self._told(trial) for trial in self.trials],
        }
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()

    def _told(self, trial: Trial) -> dict[str, Any]:
        found = self.outcomes[trial.number]
        failed = {"reason": found.reason, "message": found.message} if found.state == FAILED else {}
        return {
            "trial": trial.number,
            "hyperparameters": dict(trial.tuned),
            "state": found.state,
            "epochs": found.epochs,
            "best": None if found.best is None else text(found.best),
            "bestEpoch": found.best_epoch,
            "seconds": round(found.seconds, 1),
            **failed,
        }
