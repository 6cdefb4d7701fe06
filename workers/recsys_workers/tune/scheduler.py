"""Ray Tune's scheduler of a run's trials: ASHA in the trials' order (see recsys_workers.tune.halving).

A trial that waits for one before it has reported, and is not told to go on: its process keeps what it has. Ray has no
public way to tell it later, so `tests/integration/workers` runs this.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.stopper import NoopStopper, Stopper

from recsys_workers.tune.halving import Halving

Report = Mapping[str, Any]


class Starts(Callback):
    """Hears of each trial that starts, by its number."""

    def __init__(self, on_start: Callable[[int], None]) -> None:
        self._on_start = on_start

    def __reduce__(self) -> tuple[type[Callback], tuple[()]]:
        """As of InOrder."""
        return Callback, ()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Ray has a process for the trial."""
        self._on_start(int(trial.config["trial"]))


class Broken(Stopper):
    """Ends the experiment once `broken` says so: what a scheduler raises, Ray takes for the failure of a trial."""

    def __init__(self, broken: Callable[[], bool]) -> None:
        self._broken = broken

    def __reduce__(self) -> tuple[type[NoopStopper], tuple[()]]:
        """As of InOrder."""
        return NoopStopper, ()

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No trial is ended for itself."""
        return False

    def stop_all(self) -> bool:
        """Whether all are."""
        return self._broken()


class InOrder(FIFOScheduler):
    """Starts trials in their order, and ends those that are behind.

    `on_report` hears of each report of a trial that is new, `on_end` of each trial that has ended by itself or was
    ended here, with its last report and whether it was ended here.
    """

    def __init__(
        self, halving: Halving, on_report: Callable[[Report], None], on_end: Callable[[Report, bool], None]
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._halving = halving
        self._on_report = on_report
        self._on_end = on_end
        self._waiting: dict[int, Trial] = {}
        self._ended_here: set[int] = set()

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """What the trial does after a validation."""
        if "failed" in result:
            return str(TrialScheduler.CONTINUE)
        number = int(result["trial"])
        self._halving.tell(number, int(result["epoch"]), float(result["best"]))
        self._on_report(result)
        if result["finished"]:
            decision = str(TrialScheduler.CONTINUE)
        elif self._halving.waits(number):
            self._waiting[number] = trial
            decision = str(TrialScheduler.NOOP)
        else:
            decision = self._decide(number)
        self._let_go(tune_controller)
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """The trial has ended."""
        number = int(trial.config["trial"])
        self._waiting.pop(number, None)
        self._halving.end(number)
        if "trial" in result:
            self._on_end(result, number in self._ended_here)
        self._let_go(tune_controller)

    def __reduce__(self) -> tuple[type[FIFOScheduler], tuple[()]]:
        """Ray keeps the scheduler beside its trials, for a continuation of its own, which is not made use of."""
        return FIFOScheduler, ()

    def _decide(self, number: int) -> str:
        if not self._halving.behind(number):
            return str(TrialScheduler.CONTINUE)
        self._ended_here.add(number)
        return str(TrialScheduler.STOP)

    def _let_go(self, tune_controller: Any) -> None:
        """Tell those that wait for nobody any more."""
        # Ray hands a schedule its controller in a wrapper at some times, and as it is at others.
        controller = getattr(tune_controller, "_tune_controller", tune_controller)
        while free := [number for number in sorted(self._waiting) if not self._halving.waits(number)]:
            trial = self._waiting.pop(free[0])
            if self._decide(free[0]) == TrialScheduler.STOP:
                controller.stop_trial(trial)
            else:
                controller._schedule_trial_train(trial)
