"""The failure of the pod of a Job that failed last, also when it went away before anybody read how it ended.

A pod that is deleted by force, or whose node is gone, may be no more when the operator looks: then the Job's count of
failures tells that it failed, and the name that status remembers which one it was. An evicted pod is not counted.
"""

from recsys_operator.api.trainingrun import Failure
from recsys_operator.decide.times import instant
from recsys_operator.decide.trainingrun.facts import ObservedRun, PodFacts
from recsys_operator.decide.trainingrun.failure import last_lines, memory_of, read
from recsys_operator.decide.trainingrun.reasons import Reason


def newest_failure(run: ObservedRun) -> Failure | None:
    """The failure of the pod that failed last; what was recorded before where no pod tells anything newer."""
    previous, newest = run.status.failure, _newest_failed(run.pods)
    counted = run.job.failed if run.job else 0
    known = run.status.attempts or 0
    if newest is None or counted <= known:
        # What failed is not newer than the pod that status remembers.
        if counted and counted >= known and (lost := _unread(run)) is not None:
            return _gone(run, lost, newest)
        if newest is None or _outlived(run, previous, newest):
            return previous
    return _read(run, newest)


def newest_pod(run: ObservedRun, failure: Failure | None) -> str | None:
    """What `status.pod` is to be: the pod that trains, or did last; of several workers Ray's head.

    `failure` is what is recorded now. Of a remembered pod that is gone nobody knows when it came: it stays, unless one
    that ended is newer for sure.
    """
    pods = [pod for pod in run.pods if pod.head or run.workers == 1]
    names = {pod.name for pod in pods}
    remembered, before = run.status.pod, run.status.failure
    if remembered is not None and remembered not in names:
        newer = any(pod.exit is None or pod.phase == "Succeeded" for pod in pods)
        told = None if failure is None or (before is not None and before.pod == failure.pod) else failure.pod
        if not newer and (run.workers > 1 or told not in names):
            return remembered
    newest = max(pods, key=lambda pod: (pod.attempt or 0, pod.created, pod.name), default=None)
    return remembered if newest is None else newest.name


def last_words(run: ObservedRun, since: str) -> str | None:
    """What the trainer told last of a pod that came after `since`, in place of its log; empty: of whichever pod."""
    progress = run.status.progress
    if progress is None:
        return None
    if since and (progress.update_time is None or instant(progress.update_time) < instant(since)):
        return None
    return last_lines(progress.message)


def _newest_failed(pods: tuple[PodFacts, ...]) -> PodFacts | None:
    failed = [(pod.created, pod.exit.finished, pod.name, pod) for pod in pods if pod.exit and pod.phase == "Failed"]
    return max(failed, key=lambda entry: entry[:3])[3] if failed else None


def _unread(run: ObservedRun) -> str | None:
    """The pod that status remembers, if it is gone and its end was not recorded."""
    name, previous = run.status.pod, run.status.failure
    if name is None or any(pod.name == name for pod in run.pods):
        return None
    return None if previous is not None and previous.pod == name else name


def _outlived(run: ObservedRun, previous: Failure | None, newest: PodFacts) -> bool:
    """Whether the recorded failure is that of a pod which is gone and came after the one that is still there."""
    if previous is None or previous.pod is None or run.status.pod in (None, newest.name):
        return False
    return all(pod.name != previous.pod for pod in run.pods)


def _gone(run: ObservedRun, name: str, newest: PodFacts | None) -> Failure:
    """Of a pod that nobody can ask any more. `newest` is the one before it that failed."""
    return Failure(
        reason=str(Reason.TRAINER_FAILED),
        message=f"The pod {name} is gone, and with it its exit code: somebody deleted it, or its node went away.",
        pod=name,
        log=last_words(run, newest.exit.finished if newest is not None and newest.exit is not None else ""),
    )


def _read(run: ObservedRun, pod: PodFacts) -> Failure:
    assert pod.exit is not None
    found = read(pod.name, pod.exit, memory_of(run))
    if found.exit_code is not None:
        return found
    return found.model_copy(update={"log": last_words(run, pod.created)})
