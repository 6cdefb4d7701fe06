"""The driver of a search: Ray Tune runs the trials that have no outcome yet, and each one's is kept when it ends."""

import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from recsys_workers.evaluate.metrics import text
from recsys_workers.train import ray_run, store
from recsys_workers.train.fence import Fence, Superseded
from recsys_workers.train.progress import Progress
from recsys_workers.train.store import StoreUnreachable
from recsys_workers.train.watch import END_PERCENT, START_PERCENT
from recsys_workers.tune import outcomes
from recsys_workers.tune.halving import Halving
from recsys_workers.tune.kept import Kept
from recsys_workers.tune.outcomes import ENDED_EARLY, FAILED, FINISHED, TRIALS, Objective, Outcome, Search
from recsys_workers.tune.space import Trial, Tuning, longest

LOGGER = logging.getLogger(__name__)
RAY = "ray"
"""The folder, beside those of the trials, for what Ray Tune keeps; of no use to a later attempt."""
EVERY_SECONDS = 2.0
ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
"""What Ray Tune need not do: its files are not read again, and the log has a line of ours for each trial."""
TABLES = "ray.tune.analysis.experiment_analysis"
"""Ray's module that would warn of the files with metrics that it was told not to write."""


def share(threads: int, gpus: int, workers: int, parallel: int) -> tuple[int, dict[str, float]]:
    """The threads of each of the trials that run side by side, and what Ray hands it of a pod's CPU and GPU.

    Ray counts in ten thousandths: rounded up, the last trial would find no room.
    """
    in_a_pod = math.ceil(parallel / workers)
    part = math.floor(10_000 / in_a_pod) / 10_000
    gpu = {"GPU": gpus * part} if gpus else {}
    return max(1, threads // in_a_pod), {"CPU": math.floor(threads * part * 10_000) / 10_000, **gpu}


class Tuner:
    """One attempt's part of the search."""

    def __init__(
        self,
        tuning: Tuning,
        trials: list[Trial],
        objective: Objective,
        run_folder: Path,
        progress: Progress,
        fence: Fence,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.tuning = tuning
        self.trials = trials
        self.objective = objective
        self.run_folder = run_folder
        self.progress = progress
        self.fence = fence
        self.outcomes = outcomes.read(run_folder, trials)
        self._points: dict[int, list[tuple[int, float]]] = {}
        self._shares: dict[int, float] = {}
        self._kept = Kept(clock)
        self._broken: Exception | None = None
        self._message = ""
        self._began = self._told = time.monotonic()
        self._done_before = float(len(self.outcomes))

    def run(self, settings: Mapping[str, Any], threads: int) -> Search:
        """Run the trials that are missing; raises ray_run.TrainingFailed for what ends the attempt.

        Superseded, StoreUnreachable and OSError are those of the store.
        """
        outcomes.tidy(self.run_folder, self.outcomes, self.objective)
        missing = [trial for trial in self.trials if trial.number not in self.outcomes]
        if len(self.trials) < self.tuning.trials:
            LOGGER.info("the space has no more than %d different trials", len(self.trials))
        if self.outcomes:
            LOGGER.info("%d of %d trials were ended by earlier attempts", len(self.outcomes), len(self.trials))
        self._tell(f"Beginning with {len(missing)} of {len(self.trials)} trials.")
        if missing:
            self._fit(settings, missing, threads)
        outcomes.remove_others(self.run_folder, RAY)
        return Search(self.tuning, self.objective, self.trials, self.outcomes)

    def _fit(self, settings: Mapping[str, Any], missing: list[Trial], threads: int) -> None:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        gpus, workers = ray_run.gpus_asked(), ray_run.workers_asked()
        own, resources = share(threads, gpus, workers, self.tuning.parallel)
        outcomes.remove_others(self.run_folder, RAY)
        (self.run_folder / TRIALS).mkdir(exist_ok=True)
        with ray_run.session(threads, gpus, workers):
            from ray import tune

            from recsys_workers.tune.scheduler import Broken, InOrder, Starts

            logging.getLogger(TABLES).setLevel(logging.ERROR)
            names = {trial.number: trial for trial in missing}
            results = tune.Tuner(
                tune.with_resources(in_trial, resources),
                param_space={
                    "settings": {**settings, "threads": own},
                    "trial": tune.grid_search(list(names)),
                    "hyperparameters": {str(trial.number): dict(trial.hyperparameters.text) for trial in missing},
                },
                tune_config=tune.TuneConfig(
                    max_concurrent_trials=self.tuning.parallel,
                    scheduler=InOrder(self._halving(), self._on_report, self._on_end),
                    reuse_actors=True,
                    trial_name_creator=lambda trial: f"trial-{trial.config['trial']}",
                    trial_dirname_creator=lambda trial: f"trial-{trial.config['trial']}",
                ),
                run_config=tune.RunConfig(
                    name=RAY,
                    storage_path=str(self.run_folder / TRIALS),
                    failure_config=tune.FailureConfig(fail_fast=True),
                    callbacks=[Starts(self._on_start)],
                    stop=Broken(lambda: self._broken is not None),
                    verbose=0,
                ),
            ).fit()
            if self._broken is not None:
                raise self._broken
            if results.errors:
                raise ray_run.failure(results.errors, workers)
        if len(self.outcomes) < len(self.trials):
            lacking = sorted({trial.number for trial in self.trials} - self.outcomes.keys())
            raise ray_run.TrainingFailed(RuntimeError(f"Ray Tune has ended without the trials {lacking}."), "")

    def _halving(self) -> Halving:
        """What earlier attempts know of the trials that have ended."""
        asha = self.tuning.asha
        halving = Halving(asha, longest(self.trials), smaller_is_better=self.objective.smaller_is_better)
        for number, outcome in self.outcomes.items():
            for epoch, best in outcome.points:
                halving.tell(number, epoch, best)
            halving.end(number)
        return halving

    def _on_start(self, number: int) -> None:
        message = f"Trial {number} of {len(self.trials)} trains with {self.trials[number - 1].sentence()}."
        LOGGER.info(message)
        self._kept.start(number)
        self._tell(message)

    def _on_report(self, report: Mapping[str, Any]) -> None:
        number, epoch = int(report["trial"]), int(report["epoch"])
        points = self._points.setdefault(number, [])
        if not points or epoch > points[-1][0]:
            points.append((epoch, float(report["best"])))
        self._shares[number] = epoch / int(report["epochs"])
        self._kept.keep(number)
        self.progress.kept(self._kept.mean())
        if time.monotonic() - self._told >= EVERY_SECONDS:
            self._tell(self._message)

    def _on_end(self, report: Mapping[str, Any], ended_here: bool) -> None:
        number, failed = int(report["trial"]), str(report.get("failed", ""))
        if not (failed or ended_here or report["finished"]):
            return  # The attempt ends, not the trial.
        outcome = Outcome(
            trial=number,
            state=FAILED if failed else ENDED_EARLY if ended_here else FINISHED,
            epochs=int(report["epoch"]),
            best=float(report["best"]) if "best" in report else None,
            best_epoch=int(report.get("bestEpoch", 0)),
            seconds=float(report["seconds"]),
            points=tuple(self._points.get(number, ())),
            reason=failed,
            message=str(report.get("message", "")),
        )
        try:
            store.await_turn(self.run_folder, self.fence)
            outcomes.write(self.run_folder, outcome)
        except (Superseded, StoreUnreachable, OSError) as error:
            self._broken = self._broken or error
            return
        self.outcomes[number] = outcome
        outcomes.tidy(self.run_folder, self.outcomes, self.objective)
        self._shares.pop(number, None)
        self._kept.end(number)
        self.progress.kept(self._kept.mean())
        message = self._sentence(outcome)
        LOGGER.info(message)
        self._tell(message)

    def _sentence(self, outcome: Outcome) -> str:
        name, metric = f"Trial {outcome.trial} of {len(self.trials)}", self.objective.metric
        epochs = self.trials[outcome.trial - 1].hyperparameters.integer("epochs")
        if outcome.state == FAILED:
            said = f"{name} ({self.trials[outcome.trial - 1].sentence()}) failed: {outcome.message}"
        else:
            how = "was ended early" if outcome.state == ENDED_EARLY else "ended"
            value = f"{metric} {text(float(outcome.best or 0.0))} in epoch {outcome.best_epoch}"
            said = f"{name} {how} after epoch {outcome.epochs} of {epochs}: {value}."
        best = outcomes.winner(self.outcomes.values(), self.objective)
        if best is None or best.trial == outcome.trial:
            return said
        return f"{said} The best so far is trial {best.trial} with {text(float(best.best or 0.0))}."

    def _tell(self, message: str) -> None:
        self._message, self._told = message, time.monotonic()
        self.progress.always = {"tuning": told(self.trials, self.outcomes, self.objective)}
        done = len(self.outcomes) + sum(self._shares.values())
        fields = {}
        if (since := done - self._done_before) > 0:
            fields["etaSeconds"] = round((self._told - self._began) / since * (len(self.trials) - done))
        percent = START_PERCENT + int((END_PERCENT - START_PERCENT) * done / len(self.trials))
        self.progress.report("Training", percent, message, **fields)


def told(trials: list[Trial], ended: Mapping[int, Outcome], objective: Objective) -> dict[str, Any]:
    """status.progress.tuning."""
    best = outcomes.winner(ended.values(), objective)
    found = {} if best is None else {"best": text(float(best.best or 0.0)), "bestTrial": best.trial}
    return {
        "trials": len(trials),
        "ended": len(ended),
        "failed": sum(one.state == FAILED for one in ended.values()),
        "metric": objective.metric,
        **found,
    }


def in_trial(config: Mapping[str, Any]) -> None:
    """What Ray calls in the process of a trial. The driver only names it, so torch is imported in there alone."""
    from recsys_workers.tune.trial import train_trial

    number = config["trial"]
    train_trial(config["settings"], number, config["hyperparameters"][str(number)])
