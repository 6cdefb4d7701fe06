"""The failure of the pod of a Job that failed last, also when it went away before anybody read how it ended.

A pod that is deleted by force, or whose node is gone, may be no more when the operator looks: then the Job's count of
failures tells that it failed, and the pod that status remembers which one it was. An evicted pod is not counted.
"""

from recsys_operator.api.trainingrun import Failure, TrainingPod
from recsys_operator.decide.times import instant
from recsys_operator.decide.trainingrun.facts import ObservedRun, PodFacts
from recsys_operator.decide.trainingrun.failure import last_lines, memory_of, read
from recsys_operator.decide.trainingrun.reasons import Reason


def newest_failure(run: ObservedRun) -> Failure | None:
    """The failure of the pod that failed last; what was recorded before where no pod tells anything newer."""
    newest, last, previous = _newest_failed(run), run.status.training_pod, run.status.failure
    if newest is not None and (last is None or _order(newest) >= (last.creation_time, last.name)):
        return _read(run, newest)
    if last is None or run.job is None or any(pod.name == last.name for pod in run.pods):
        return previous
    recorded = previous is not None and previous.pod == last.name
    of_another_job = last.creation_time < run.job.created
    if recorded or of_another_job or run.job.failed <= last.failures_before:
        return previous
    return _gone(run, last)


def newest_pod(run: ObservedRun) -> TrainingPod | None:
    """What `status.trainingPod` is to be: the one that trains, or did last; of several workers Ray's head."""
    last = run.status.training_pod
    newest = max((pod for pod in run.pods if pod.head or run.workers == 1), key=_order, default=None)
    if newest is None or (last is not None and _order(newest) < (last.creation_time, last.name)):
        return last
    if last is not None and newest.name == last.name and newest.exit is not None:
        return last  # The Job may have counted it.
    # The Job is read before its pods: it has not counted one that has not ended.
    return TrainingPod(name=newest.name, creation_time=newest.created, failures_before=run.job.failed if run.job else 0)


def last_words(run: ObservedRun, since: str) -> str | None:
    """What the trainer told last of a pod that came after `since`, in place of its log."""
    progress = run.status.progress
    if progress is None or progress.update_time is None or instant(progress.update_time) < instant(since):
        return None
    return last_lines(progress.message)


def _newest_failed(run: ObservedRun) -> PodFacts | None:
    """What ends because its Job is suspended has not failed, and counts nowhere."""
    stopped = run.job is not None and run.job.suspended and run.job.verdict is None
    failed = [
        (pod.created, pod.exit.finished, pod.name, pod)
        for pod in run.pods
        if pod.exit and pod.phase == "Failed" and not (stopped and pod.deleting)
    ]
    return max(failed, key=lambda entry: entry[:3])[3] if failed else None


def _order(pod: PodFacts) -> tuple[str, str]:
    return pod.created, pod.name


def _gone(run: ObservedRun, pod: TrainingPod) -> Failure:
    """Of a pod that nobody can ask any more."""
    return Failure(
        reason=str(Reason.TRAINER_FAILED),
        message=f"The pod {pod.name} is gone, and with it its exit code: somebody deleted it, or its node went away.",
        pod=pod.name,
        log=last_words(run, pod.creation_time),
    )


def _read(run: ObservedRun, pod: PodFacts) -> Failure:
    assert pod.exit is not None
    found = read(pod.name, pod.exit, memory_of(run))
    if found.exit_code is not None:
        return found
    return found.model_copy(update={"log": last_words(run, pod.created)})
