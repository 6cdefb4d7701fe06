"""Figures of `status.progress` that mean something only while a pod trains, and are gone when none does.

The trainer writes them, and one that was killed takes nothing back. Where it stopped (stage, epoch, percent) stays.
"""

from recsys_operator.api.progress import Progress
from recsys_operator.decide.trainingrun.facts import ObservedRun
from recsys_operator.decide.trainingrun.rayjobs import may_write

OF_THE_MOMENT = ("eta_seconds", "targets_per_second")


def stale(run: ObservedRun) -> bool:
    """Whether there are such figures and no pod that could write them: the run has ended, is suspended, or waits."""
    return has_figures(run.status.progress) and not any(may_write(pod) for pod in run.pods)


def has_figures(progress: Progress | None) -> bool:
    """Whether a trainer has told how fast it is, or how long it will take."""
    return progress is not None and any(getattr(progress, name) is not None for name in OF_THE_MOMENT)
