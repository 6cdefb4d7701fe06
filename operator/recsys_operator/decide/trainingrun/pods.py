"""What the pods of a run are doing, in one sentence."""

from recsys_operator.api.progress import Progress
from recsys_operator.api.trainingrun import Failure
from recsys_operator.decide.trainingrun.facts import JobFacts, ObservedRun, PodFacts
from recsys_operator.decide.trainingrun.unscheduled import unscheduled_message

IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})

KEEPERS = {"Job": "the Job controller", "RayJob": "KubeRay"}
"""Who tells what became of a pod."""
HINTS = {"Job": "", "RayJob": ": KubeRay's operator may not run, or not watch this namespace"}

ENDING = "The last pod is ending; another one takes its place then."

CONFIG_REASON = "CreateContainerConfigError"
"""The kubelet's word for a Secret, a ConfigMap or a key of one that a variable names and that is not there."""


def trains(run: ObservedRun) -> bool:
    """Whether a pod runs, or has just succeeded and the Job is about to say so."""
    if run.job is None and run.workers > 1:
        return False
    ended_well = run.job is not None and run.job.succeeded > 0
    if run.job is not None and run.job.trains is not None:
        return ended_well or run.job.trains
    return ended_well or any(pod.running or pod.phase == "Succeeded" for pod in run.pods)


def running_message(run: ObservedRun) -> str:
    """How far the trainer is."""
    pod = next((pod for pod in sorted(run.pods, key=lambda pod: not pod.head) if pod.running), None)
    if pod is None:
        return f"The pod has ended; {KEEPERS[run.job.kind if run.job else 'Job']} has yet to say so."
    progress = run.status.progress
    told = _progress(progress) if progress else f"Pod {pod.name} runs; the trainer has not reported yet."
    now = progress.workers if progress and run.spec.elastic else None
    return f"{_attempt(run)}{told}{'' if now is None else f', by {now} of at most {run.workers} workers'}"


def queued_message(job: JobFacts, namespace: str) -> str:
    """Whom the run waits for."""
    return (
        f"The {job.kind} {job.name} waits in the queue {job.queue} until Kueue admits it; `kubectl -n {namespace} get "
        "workloads` says what is missing. It waits for ever where Kueue is not installed, or the namespace has no "
        f"LocalQueue {job.queue}."
    )


def pending_message(run: ObservedRun, last: Failure | None) -> str:
    """What the run waits for."""
    pods = sorted((pod for pod in run.pods if pod.phase == "Pending"), key=lambda pod: (pod.created, pod.name))
    if pods:
        return f"{_attempt(run)}{_waiting(run, pods[-1])}"
    if run.job is None and run.workers > 1 and run.pods:
        return ENDING
    if run.job is None:
        return f"The {'Job' if run.workers == 1 else 'RayJob'} is being made."
    if run.job.deleting:
        return f"The {run.job.kind} {run.job.name} of before is being deleted; another one takes its place then."
    if run.job.suspended:
        return f"The {run.job.kind} {run.job.name} is being resumed."
    if run.attempts and run.job.active and (up := len(pods_up(run))):
        first = run.spec.first_workers
        more = f"; others, up to {run.workers}, are asked for once it trains" if first < run.workers else ""
        return f"{_attempt(run)}Ray starts: {up} of {first} pods run{more}."
    if any(pod.deleting for pod in run.pods):
        return ENDING
    if last is not None and run.job.failed and not (run.attempts and run.job.active):
        allowed = run.spec.max_retries + 1
        next_one = "pod comes" if run.workers == 1 else "RayJob comes"
        return (
            f"{run.job.failed} of {allowed} attempts failed, the last one with {last.reason}: {last.message} "
            f"The next {next_one} after a back-off."
        )
    kind, name = run.job.kind, run.job.name
    return (
        f"The {kind} {name} has no pod yet; `kubectl -n {run.namespace} describe {kind.lower()} {name}` says why if it "
        f"stays so{HINTS[kind]}."
    )


def too_few_message(run: ObservedRun) -> str:
    """What an elastic run waits for that has lost too many pods."""
    told = (
        f"{_attempt(run)}{len(pods_up(run))} of the {run.spec.least_workers} pods run that spec.ray.minWorkers asks "
        "for: the training goes on from its last checkpoint when others have come."
    )
    pending = [pod for pod in run.pods if pod.phase == "Pending" and not pod.deleting]
    newest = max(pending, key=lambda pod: (pod.created, pod.name), default=None)
    return told if newest is None else f"{told} {_waiting(run, newest)}"


def pods_up(run: ObservedRun) -> tuple[PodFacts, ...]:
    """The pods of the newest RayJob that run."""
    newest = run.attempts[-1].number if run.attempts else None
    return tuple(pod for pod in run.pods if pod.running and not pod.deleting and pod.attempt == newest)


def _attempt(run: ObservedRun) -> str:
    if run.job is None or not run.job.failed:
        return ""
    return f"Attempt {run.job.failed + 1} of {run.spec.max_retries + 1}: "


def _waiting(run: ObservedRun, pod: PodFacts) -> str:
    if pod.unscheduled is not None:
        return f"Pod {pod.name} is not scheduled: {unscheduled_message(run, pod.unscheduled)}"
    if pod.waiting is None:
        return f"Pod {pod.name} is starting."
    waiting = pod.waiting
    if waiting.reason in IMAGE_REASONS:
        return f"Pod {pod.name} cannot pull the image {waiting.image} ({waiting.reason}): {waiting.message}"
    if waiting.reason == CONFIG_REASON:
        return (
            f"Pod {pod.name} cannot start ({waiting.reason}): {waiting.message}. Create what is missing: the pod "
            "starts by itself then."
        )
    return f"Pod {pod.name} waits: {waiting.reason}{f': {waiting.message}' if waiting.message else ''}"


def _progress(progress: Progress) -> str:
    if progress.message:
        told = progress.message.rstrip(".")
    elif progress.epochs:
        loss = f", loss {progress.loss}" if progress.loss else ""
        told = f"{progress.stage}: epoch {progress.epoch or 0} of {progress.epochs}{loss}"
    else:
        told = progress.stage
    return f"{told} ({progress.percent} %)"
