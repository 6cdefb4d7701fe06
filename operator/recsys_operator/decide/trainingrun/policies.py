"""What a run's condition says, as an ordered chain: the first policy that has an opinion decides."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from recsys_operator.api.architectures import with_attributes
from recsys_operator.api.trainingrun import Failure
from recsys_operator.decide import tuning
from recsys_operator.decide.conditions import clip
from recsys_operator.decide.hyperparameters import Source, faults
from recsys_operator.decide.refusal import sentence
from recsys_operator.decide.trainingrun.facts import ModelFacts, ObservedRun, Unreadable
from recsys_operator.decide.trainingrun.figures import has_figures
from recsys_operator.decide.trainingrun.pods import (
    pending_message,
    pods_up,
    queued_message,
    running_message,
    too_few_message,
    trains,
)
from recsys_operator.decide.trainingrun.rayjobs import last_failure, may_write
from recsys_operator.decide.trainingrun.reasons import Reason
from recsys_operator.decide.trainingrun.result import judge

LOOK_AGAIN = 5.0
"""Seconds between two looks at something whose change wakes nobody, such as a pod that waits."""

WATCH_HEAD = 10.0
"""Seconds between two looks at the pods of a RayJob that trains."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy found. `start`: the children are to exist. `status` True and False are final."""

    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    start: bool = False
    failure: Failure | None = None
    requeue_after: float | None = None


Policy = Callable[[ObservedRun], Verdict | None]


def child_name_taken(run: ObservedRun) -> Verdict | None:
    """Server-side apply with force would take over an object of somebody else: wait until it is gone.

    Children of an earlier run of the same name count too; the garbage collector is about to remove them.
    """
    if not run.strangers:
        return None
    return waiting(
        Reason.CHILD_NAME_TAKEN,
        f"{' and '.join(run.strangers)} belongs to somebody else but bears the name of a child of this run: "
        "delete or rename it, or give the run another name.",
    )


def snapshot_unreadable(run: ObservedRun) -> Verdict | None:
    """A snapshot is never rewritten, not even a broken one: what the run was told must not change unseen."""
    if run.snapshot is None or run.snapshot.config is not None:
        return None
    return waiting(
        Reason.SNAPSHOT_UNREADABLE,
        f"run.json in the ConfigMap {run.snapshot.name} cannot be read: delete the ConfigMap to have a new one made.",
    )


def model_not_found(run: ObservedRun) -> Verdict | None:
    """Without a snapshot the RecModel is needed; its creation wakes the run."""
    if run.snapshot is not None or run.model is not None:
        return None
    return Verdict(
        "Unknown",
        Reason.MODEL_NOT_FOUND,
        f"The RecModel {run.spec.model_ref.name} does not exist in the namespace {run.namespace}; the run starts when "
        "it does. Create it, or make another run with the right spec.modelRef: it is immutable.",
    )


def model_unreadable(run: ObservedRun) -> Verdict | None:
    """A RecModel from before its CRD was narrowed; its correction wakes the run."""
    if run.snapshot is not None or not isinstance(run.model, Unreadable):
        return None
    return Verdict(
        "Unknown",
        Reason.MODEL_UNREADABLE,
        f"The RecModel {run.spec.model_ref.name} is not as its CRD says ({run.model.message}): correct it; the run "
        "starts then.",
    )


def model_not_observed(run: ObservedRun) -> Verdict | None:
    """A snapshot without the champion would let a champion gate pass unasked."""
    model = run.model
    if run.snapshot is not None or not isinstance(model, ModelFacts) or model.observed_generation == model.generation:
        return None
    return waiting(
        Reason.MODEL_NOT_OBSERVED,
        f"The status of the RecModel {run.spec.model_ref.name} is not up to date, so its champion is not known.",
    )


def invalid_hyperparameters(run: ObservedRun) -> Verdict | None:
    """What the trainer would refuse is refused before a pod is started for it."""
    if run.snapshot is not None or not isinstance(run.model, ModelFacts):
        return None
    architecture = run.model.spec.architecture
    sources = (
        Source(
            f"RecModel {run.spec.model_ref.name} spec.architecture.hyperparameters", architecture.hyperparameters or {}
        ),
        Source("spec.hyperparameters", run.spec.hyperparameters or {}),
    )
    if run.spec.tuning is None:
        found = faults(architecture.name, *sources)
    else:
        begins_with = run.spec.init_from.version if run.spec.init_from else None
        found = (
            *tuning.objective_faults(run.spec.tuning, run.model.spec),
            *tuning.faults(architecture.name, run.spec.tuning, *sources, begins_with=begins_with),
        )
    if not found:
        return None
    return failed(Reason.INVALID_HYPERPARAMETERS, " ".join(found))


def item_table_not_taken(run: ObservedRun) -> Verdict | None:
    """An item table that nobody reads would make a figure look like something that it is not."""
    if run.snapshot is not None or not isinstance(run.model, ModelFacts) or run.spec.dataset.items is None:
        return None
    name, able = run.model.spec.architecture.name, with_attributes()
    if name in able:
        return None
    return failed(
        Reason.ITEM_TABLE_NOT_TAKEN,
        f"spec.dataset.items names an item table, and {name}, the architecture of the RecModel "
        f"{run.spec.model_ref.name}, learns from none: leave spec.dataset.items out of another TrainingRun, or use a "
        f"RecModel with {' or '.join(able)}.",
    )


def suspended_from_the_start(run: ObservedRun) -> Verdict | None:
    """A run takes its snapshot when it starts, and a suspended one has not."""
    if run.snapshot is not None or run.job is not None or not run.spec.suspend:
        return None
    return Verdict("Unknown", Reason.SUSPENDED, "spec.suspend is true: the run starts when it is false.")


def version_made(run: ObservedRun) -> Verdict | None:
    """The trainer's result counts once no pod works any more, also when the Job failed, or was suspended, after it."""
    result = run.status.result
    if result is None or not _over(run) or run.snapshot is None or run.snapshot.config is None:
        return None
    found = judge(result, run.snapshot.config)
    if found.passed:
        return Verdict("True", found.reason, found.message)
    if found.reason == Reason.GATES_FAILED:
        return Verdict("False", found.reason, found.message)
    return failed(found.reason, found.message)


def _over(run: ObservedRun) -> bool:
    """Whether no attempt is under way: by the Job's word, or because it is suspended and its pods have gone."""
    if run.job is None or run.job.verdict is not None:
        return True
    return run.job.suspended and not any(may_write(pod) for pod in run.pods)


def job_failed(run: ObservedRun) -> Verdict | None:
    """The Job controller gave up: too many attempts, too long, or an exit code that forbids another attempt."""
    job = run.job
    if job is None or job.verdict != "Failed" or run.status.result is not None:
        return None
    last = last_failure(run)
    if job.verdict_reason == "DeadlineExceeded":
        return failed(
            Reason.DEADLINE_EXCEEDED,
            f"The run did not end within spec.activeDeadlineSeconds ({run.spec.active_deadline_seconds} s), retries "
            "included: give another TrainingRun more time.",
            last,
        )
    if job.verdict_reason != "BackoffLimitExceeded":
        # Of a pod that is gone the Job controller still tells the exit code.
        if last is not None and (run.workers > 1 or last.exit_code is not None):
            return failed(last.reason, last.message, last)
        told = job.verdict_message.rstrip(".") or "no reason given"
        return failed(
            Reason.JOB_FAILED,
            f"The {job.kind} {job.name} failed: {told}. See `kubectl -n {run.namespace} describe {job.kind.lower()} "
            f"{job.name}`, and make another TrainingRun once the cause is gone.",
            last,
        )
    if last is None:
        return failed(
            Reason.ATTEMPTS_EXHAUSTED,
            f"All {attempts_allowed(run)} attempts failed; no pod is left to ask. See `kubectl -n {run.namespace} get "
            "events` for what became of them, and make another TrainingRun once the cause is gone.",
        )
    if attempts_allowed(run) == 1:
        return failed(last.reason, last.message, last)
    reason = Reason.OUT_OF_MEMORY if last.reason == Reason.OUT_OF_MEMORY else Reason.ATTEMPTS_EXHAUSTED
    message = f"All {attempts_allowed(run)} attempts failed. The last one: {last.reason}: {last.message}"
    return Verdict("False", reason, message, failure=last)


def result_missing(run: ObservedRun) -> Verdict | None:
    """A pod that ends well must have reported its version before."""
    if run.job is None or run.job.verdict != "Complete" or run.status.result is not None:
        return None
    return failed(
        Reason.RESULT_MISSING,
        f"The {run.job.kind} {run.job.name} is complete but its pod wrote no status.result: the trainer may not be "
        "allowed to write this run's status (see the pod's log), or the image is not a recsys-trainer.",
    )


def kuberay_not_installed(run: ObservedRun) -> Verdict | None:
    """A run with several workers is a RayJob. Where the API server has none, nobody tells when it has."""
    if run.workers == 1 or run.kuberay:
        return None
    field = "maxWorkers" if run.spec.elastic else "workers"
    return waiting(
        Reason.KUBERAY_NOT_INSTALLED,
        f"KubeRay is not installed, and spec.ray.{field} is {run.workers}: several workers are a RayJob of KubeRay's "
        "(rayjobs.ray.io/v1). Install KubeRay, and the run starts by itself; or make another TrainingRun with one "
        "worker.",
    )


def child_refused(run: ObservedRun) -> Verdict | None:
    """A quota, a policy or a right stands in the way; what runs goes on, and the rest is tried again."""
    return Verdict("Unknown", Reason.CHILD_REFUSED, sentence(run.refusals), start=True) if run.refusals else None


def suspended(run: ObservedRun) -> Verdict | None:
    """The Job keeps its checkpoints and loses its pod."""
    if not run.spec.suspend:
        return None
    return Verdict(
        "Unknown",
        Reason.SUSPENDED,
        "spec.suspend is true: no pod runs, the checkpoints are kept.",
        start=True,
        requeue_after=_until_over(run),
    )


def queued(run: ObservedRun) -> Verdict | None:
    """Kueue decides when the Job runs, and its word is the Job's own `suspend`; the change of that wakes the run."""
    job = run.job
    if job is None or job.queue is None or not job.suspended or job.deleting:
        return None
    message = queued_message(job, run.namespace)
    return Verdict("Unknown", Reason.QUEUED, message, start=True, requeue_after=_until_over(run))


def _until_over(run: ObservedRun) -> float | None:
    """Nobody tells when the last pod of a suspended run has gone: then a result of it counts, and its pace goes."""
    return LOOK_AGAIN if run.status.result is not None or has_figures(run.status.progress) else None


def pending(run: ObservedRun) -> Verdict | None:
    """No pod trains: say what it waits for."""
    if trains(run):
        return None
    return Verdict(
        "Unknown", Reason.PENDING, pending_message(run, last_failure(run)), start=True, requeue_after=LOOK_AGAIN
    )


def too_few_workers(run: ObservedRun) -> Verdict | None:
    """An elastic run has lost more pods than it can do without; KubeRay makes others, but no other head."""
    if not run.spec.elastic or not trains(run):
        return None
    up = pods_up(run)
    if len(up) >= run.spec.least_workers or not any(pod.head for pod in up):
        return None
    return Verdict("Unknown", Reason.TOO_FEW_WORKERS, too_few_message(run), start=True, requeue_after=LOOK_AGAIN)


def running(run: ObservedRun) -> Verdict:
    """A pod trains, and its progress is the news; of a Ray cluster that has lost its head there is none."""
    again = WATCH_HEAD if run.attempts else None
    return Verdict("Unknown", Reason.RUNNING, running_message(run), start=True, requeue_after=again)


POLICIES: tuple[Policy, ...] = (
    # Before anything is written: nothing of somebody else is touched, no snapshot is rewritten.
    child_name_taken,
    snapshot_unreadable,
    # What a run needs to start. Once it has its snapshot, none of these concerns it any more.
    model_not_found,
    model_unreadable,
    model_not_observed,
    invalid_hyperparameters,
    item_table_not_taken,
    suspended_from_the_start,
    # How it ended. A version that exists outweighs whatever became of the Job afterwards.
    version_made,
    job_failed,
    result_missing,
    # What it does now.
    kuberay_not_installed,
    child_refused,
    suspended,
    queued,
    pending,
    too_few_workers,
)


def judge_run(run: ObservedRun) -> Verdict:
    """The verdict of the first policy that has one. Not for runs that are decided: those stay as they are."""
    for policy in POLICIES:
        verdict = policy(run)
        if verdict is not None:
            return verdict
    return running(run)


def waiting(reason: Reason, message: str) -> Verdict:
    """Nothing is created until this heals."""
    return Verdict("Unknown", reason, message, requeue_after=LOOK_AGAIN)


def failed(reason: str, message: str, last: Failure | None = None) -> Verdict:
    """Final; `last` adds the pod, the exit code and the log of the attempt that failed last."""
    message = clip(message)
    evidence = last or Failure(reason=reason, message=message)
    return Verdict(
        "False", reason, message, failure=evidence.model_copy(update={"reason": str(reason), "message": message})
    )


def attempts_allowed(run: ObservedRun) -> int:
    """The first one and its replacements."""
    return run.spec.max_retries + 1
