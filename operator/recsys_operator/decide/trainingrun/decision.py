"""The decision about a TrainingRun: status, children, events."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from recsys_operator.api.common import Condition
from recsys_operator.api.trainingrun import Failure, TrainingRunStatus
from recsys_operator.decide.conditions import conclude, find
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.times import instant, rfc3339
from recsys_operator.decide.trainingrun.expiry import seconds_left
from recsys_operator.decide.trainingrun.facts import ObservedRun
from recsys_operator.decide.trainingrun.figures import stale
from recsys_operator.decide.trainingrun.gpus import LOOK, gpu_use
from recsys_operator.decide.trainingrun.newest_failure import newest_pod
from recsys_operator.decide.trainingrun.policies import LOOK_AGAIN, Verdict, child_refused, judge_run
from recsys_operator.decide.trainingrun.rayjobs import RayStep, as_job, last_failed, last_failure, ray_step
from recsys_operator.decide.trainingrun.reasons import SUCCEEDED, EventReason, Reason

QUIET = frozenset({Reason.PENDING, Reason.MODEL_NOT_OBSERVED})
"""Reasons that come and go by themselves, and would only fill the list of events."""


@dataclass(frozen=True, slots=True)
class RunDecision:
    """What to write. `status` holds the operator's fields only; progress and result are the trainer's.

    `children`: identity and rights of the pod are to exist. `take_snapshot`: the ConfigMap is to be made, now.
    `job`: make it, or set `suspend` of the one that exists; nothing else of a Job ever changes. One that has a queue is
    deleted instead: Kueue would start it again. `ray` is the same for a run with several workers. `delete`: the
    run itself, whose time is over. `drop_figures`: what the trainer told of its pace goes, as nothing trains.
    """

    status: TrainingRunStatus
    children: bool = False
    take_snapshot: bool = False
    job: Literal["Create", "Suspend", "Resume", "Delete"] | None = None
    ray: RayStep | None = None
    delete: bool = False
    drop_figures: bool = False
    notices: tuple[Notice, ...] = ()
    requeue_after: float | None = None


def decided(status: TrainingRunStatus) -> bool:
    """Whether the run has ended. That is final."""
    condition = find(status.conditions, SUCCEEDED)
    return condition is not None and condition.status != "Unknown"


def holds_gpus(status: TrainingRunStatus) -> bool:
    """Whether pods of the run held GPUs when it was looked at last."""
    return status.gpu is not None and status.gpu.held > 0


def decide(run: ObservedRun, now: datetime) -> RunDecision:
    """What to do about a run. Total: every observation has an answer."""
    if decided(run.status):
        status, left = _own(run.status, generation=run.generation), seconds_left(run, now)
        if holds_gpus(run.status):
            # The pods of a RayJob outlive it for a moment.
            status = status.model_copy(update={"gpu": gpu_use(run, now, decided=False)})
        if left == 0:
            return RunDecision(status, delete=not run.unlisted, requeue_after=LOOK_AGAIN)
        return RunDecision(status, drop_figures=stale(run), requeue_after=_sooner(left, status))
    several = run.workers > 1
    if several:
        run = replace(run, job=as_job(run, now))
    verdict = judge_run(run)
    step = ray_step(run, run.job, now, start=verdict.start) if several else None
    in_vain = _queued_in_vain(run, verdict)
    if several and in_vain:
        step = RayStep("Delete", run.attempts[-1].number)
    if in_vain or (step is not None and step.ends_cluster):
        # Of a run that is decided nobody would try again: the cluster would keep its pods for ever, or Kueue start it.
        verdict = child_refused(run) or verdict
    condition = conclude(
        run.status.conditions,
        SUCCEEDED,
        verdict.status,
        verdict.reason,
        verdict.message,
        generation=run.generation,
        now=now,
    )
    failure = _failure(run, verdict)
    status = TrainingRunStatus(
        observed_generation=run.generation,
        conditions=(condition,),
        attempts=_attempts(run),
        training_pod=newest_pod(run) if verdict.status == "Unknown" else None,
        start_time=_start_time(run),
        completion_time=None if verdict.status == "Unknown" else rfc3339(now),
        failure=failure,
        gpu=gpu_use(run, now, decided=verdict.status != "Unknown"),
    )
    return RunDecision(
        status=status,
        children=verdict.start,
        take_snapshot=verdict.start and run.snapshot is None,
        job=None if several else "Delete" if in_vain else _job(run, verdict),
        ray=step,
        drop_figures=stale(run),
        notices=_notices(run, condition, failure, step),
        requeue_after=_sooner(verdict.requeue_after, status),
    )


def _sooner(seconds: float | None, status: TrainingRunStatus) -> float | None:
    """When to look again, where pods hold GPUs too."""
    if not holds_gpus(status):
        return seconds
    return LOOK if seconds is None else min(LOOK, seconds)


def _own(status: TrainingRunStatus, *, generation: int) -> TrainingRunStatus:
    """The operator's fields of a decided run; only the generation moves on, when somebody flips `suspend`."""
    return status.model_copy(
        update={
            "observed_generation": generation,
            "conditions": tuple(
                condition.model_copy(update={"observed_generation": generation}) for condition in status.conditions
            ),
            "progress": None,
            "result": None,
        }
    )


def _failure(run: ObservedRun, verdict: Verdict) -> Failure | None:
    """While attempts are left, the failure of the last one stands in status; its pod may be gone at the end."""
    if verdict.status != "Unknown":
        return verdict.failure
    return last_failure(run)


def _attempts(run: ObservedRun) -> int | None:
    if run.job is None:
        return run.status.attempts
    return max(run.status.attempts or 0, run.job.attempts)


def _start_time(run: ObservedRun) -> str | None:
    """The Job's creation; that of the first one, when it was deleted and made again. In a queue, Kueue's first word."""
    if run.status.start_time is not None or run.job is None:
        return run.status.start_time
    start = run.job.created if run.job.queue is None else run.job.started
    return None if start is None else rfc3339(instant(start))


def _job(run: ObservedRun, verdict: Verdict) -> Literal["Create", "Suspend", "Resume", "Delete"] | None:
    if not verdict.start:
        return None
    if run.job is None:
        # Kueue would admit it.
        return None if run.spec.suspend and run.spec.queue_name is not None else "Create"
    if run.job.verdict is not None or run.job.deleting:
        return None
    if run.job.queue is not None:
        return "Delete" if run.spec.suspend else None
    if run.job.suspended == run.spec.suspend:
        return None
    return "Suspend" if run.spec.suspend else "Resume"


def _queued_in_vain(run: ObservedRun, verdict: Verdict) -> bool:
    """Whether Kueue would start the Job of a run that has ended: it lost its place after its version was published."""
    job = run.job
    waits = job is not None and job.queue is not None and job.verdict is None and not job.deleting
    return waits and verdict.status != "Unknown"


def _notices(
    run: ObservedRun, condition: Condition, failure: Failure | None, step: RayStep | None
) -> tuple[Notice, ...]:
    """What is news: another reason than before, or a pod that failed and will be replaced."""
    notices: list[Notice] = []
    before = find(run.status.conditions, SUCCEEDED)
    if condition.status == "Unknown" and failure is not None and (who := _failed_now(run, failure, step)):
        text = f"{who} failed with {failure.reason}: {failure.message}"
        notices.append(Notice("Warning", EventReason.ATTEMPT_FAILED, text, "Train"))
    if (before is None or before.reason != condition.reason) and condition.reason not in QUIET:
        told = Notice("Normal", condition.reason, condition.message, "Train")
        if condition.reason == Reason.RUNNING:
            told = replace(told, reason=str(EventReason.TRAINING_STARTED))
        elif condition.reason not in (Reason.VERSION_CREATED, Reason.SUSPENDED, Reason.QUEUED):
            told = replace(told, type="Warning")
        notices.append(told)
    return tuple(notices)


def _failed_now(run: ObservedRun, failure: Failure, step: RayStep | None) -> str | None:
    """What failed since the last look, as it is called in a sentence; None when nothing did."""
    if run.workers > 1:
        return _attempt_failed_now(run, failure, step)
    known = run.status.failure.pod if run.status.failure else None
    return None if failure.pod in (None, known) else f"Pod {failure.pod}"


def _attempt_failed_now(run: ObservedRun, failure: Failure, step: RayStep | None) -> str | None:
    """It is concluded now, or was by a look that wrote no status. One whose successor was deleted is no news."""
    found = last_failed(run)
    if found is None:
        return None
    concluded = step is not None and step.action == "Conclude"
    untold = failure != run.status.failure and found[0].number >= (run.status.attempts or 0)
    return f"RayJob {found[0].name}" if concluded or untold else None
