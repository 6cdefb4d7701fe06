"""A run with several workers: what its RayJobs say as a Job would say it, and what is done about them.

One RayJob is one attempt, and a failed one stays: it is counted by being there. How it failed is written on it as soon
as it is seen, since the pods that tell go away with KubeRay's cluster.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from recsys_operator.api.trainingrun import Failure
from recsys_operator.decide.conditions import clip
from recsys_operator.decide.times import instant, passed, rfc3339
from recsys_operator.decide.trainingrun.facts import Conclusion, JobFacts, ObservedRun, PodFacts, RayAttempt
from recsys_operator.decide.trainingrun.failure import memory_of, read
from recsys_operator.decide.trainingrun.newest_failure import last_words, newest_failure
from recsys_operator.decide.trainingrun.rayword import failure_of_message
from recsys_operator.decide.trainingrun.reasons import Reason

CANNOT_HEAL = 2
"""Exit code of a trainer that would fail again."""

FINAL = frozenset({Reason.JOB_FAILED, Reason.DEADLINE_EXCEEDED})
"""Reasons of the operator's own after which there is no other attempt."""

FIRST_BACK_OFF, LONGEST_BACK_OFF = 10, 360
"""Seconds between a failure and the next attempt, as the Job controller has them: twice as many each time."""

OVER = frozenset({"Complete", "Failed", "ValidationFailed"})
"""KubeRay's words for a RayJob that it does no more for, but to delete the cluster."""

UNDER_WAY = frozenset({"Initializing", "Running"})
"""KubeRay's words for a RayJob that has a cluster, or is about to."""


@dataclass(frozen=True, slots=True)
class RayStep:
    """What to do about the RayJob of one attempt. `deadline` is that of a new one, in seconds. `Grow`: its cluster is
    to have all pods that the run may have.

    `ends_cluster`: KubeRay ends the attempt's pods because of it, and by nothing else.
    """

    action: Literal["Create", "Suspend", "Resume", "Delete", "Conclude", "Grow"]
    attempt: int
    deadline: int | None = None
    conclusion: Conclusion | None = None
    ends_cluster: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt is over: well, or by this failure."""

    failure: Failure | None

    @property
    def final(self) -> bool:
        """Whether another attempt would fail too."""
        return self.failure is not None and (
            self.failure.exit_code == CANNOT_HEAL or self.failure.reason in {str(reason) for reason in FINAL}
        )


def written(conclusion: Conclusion) -> str:
    """The annotation's text."""
    return json.dumps({"at": conclusion.at, "failure": conclusion.failure.wire()}, sort_keys=True, ensure_ascii=False)


def end_of(run: ObservedRun, attempt: RayAttempt) -> Ended | None:
    """How an attempt ended; None while it goes on, waits, or is suspended."""
    if attempt.conclusion is not None:
        return Ended(attempt.conclusion.failure)
    if attempt.deployment == "Complete" and attempt.job == "SUCCEEDED":
        return Ended(None)
    if attempt.deployment in OVER:
        return Ended(_failure(run, attempt))
    lost = _lost(run, attempt)
    return Ended(lost) if lost else None


def as_job(run: ObservedRun, now: datetime) -> JobFacts | None:
    """What a Job with as many pods as there were attempts would say; None before the first attempt."""
    if not run.attempts:
        return None
    newest = run.attempts[-1]
    ends = [end_of(run, attempt) for attempt in run.attempts]
    end = ends[-1]
    failed = sum(one is not None and one.failure is not None for one in ends)
    verdict, reason = _verdict(run, end, failed, now)
    return JobFacts(
        name=newest.name,
        created=run.attempts[0].created,
        suspended=newest.suspended and end is None,
        active=int(end is None and not newest.suspended),
        succeeded=int(end is not None and end.failure is None),
        failed=failed,
        verdict=verdict,
        verdict_reason=reason,
        verdict_message="",
        queue=newest.queue,
        started=_admitted(newest),
        deleting=newest.deleting,
        kind="RayJob",
        trains=end is None and not newest.suspended and not newest.deleting and newest.job == "RUNNING",
    )


def _admitted(attempt: RayAttempt) -> str | None:
    """Since when it is not suspended. KubeRay gives one made suspended a start too, and another when it begins."""
    begun = attempt.deployment in UNDER_WAY | OVER and not attempt.suspended
    return attempt.started if begun else None


def last_failure(run: ObservedRun) -> Failure | None:
    """How the attempt failed that failed last, of a Job or of RayJobs; what was recorded where none is left to tell."""
    if run.workers == 1:
        return newest_failure(run)
    found = last_failed(run)
    return run.status.failure if found is None else found[1]


def last_failed(run: ObservedRun) -> tuple[RayAttempt, Failure] | None:
    """The attempt that failed last of those whose RayJobs are there, and how."""
    ends = ((attempt, end_of(run, attempt)) for attempt in reversed(run.attempts))
    return next(((attempt, end.failure) for attempt, end in ends if end is not None and end.failure is not None), None)


def ray_step(run: ObservedRun, job: JobFacts | None, now: datetime, *, start: bool) -> RayStep | None:
    """The next thing to do, one at a time. `start`: children are to exist. `job` is what `as_job` said.

    A failed attempt is concluded whatever the verdict: where its head is gone, KubeRay would keep its workers for ever.
    """
    newest = run.attempts[-1] if run.attempts else None
    if newest is not None and newest.deleting:
        return None
    end = None if newest is None else end_of(run, newest)
    if newest is not None and newest.conclusion is None and end is not None and end.failure is not None:
        conclusion, on_its_own = Conclusion(rfc3339(now), end.failure), newest.deployment in OVER
        return RayStep("Conclude", newest.number, conclusion=conclusion, ends_cluster=not on_its_own)
    if not start or (job is not None and job.verdict is not None):
        return None
    if newest is None or end is not None:
        return _next_attempt(run, newest, now)
    if newest.queue is not None:
        return RayStep("Delete", newest.number) if run.spec.suspend else None
    if newest.suspended != run.spec.suspend:
        return RayStep("Suspend" if run.spec.suspend else "Resume", newest.number)
    if newest.deployment == "Running" and newest.pods_asked is not None and newest.pods_asked < run.workers:
        return RayStep("Grow", newest.number)
    return None


def _next_attempt(run: ObservedRun, newest: RayAttempt | None, now: datetime) -> RayStep | None:
    """Attempts follow each other, never side by side: the last one's pods have ended before the next one is made."""
    number = newest.number + 1 if newest else 1
    if run.spec.suspend and (newest is not None or run.spec.queue_name is not None):
        return None
    # Also those of a RayJob that somebody deleted, which leaves its pods to the garbage collector.
    if any(may_write(pod) for pod in run.pods):
        return None
    failed_at = None if newest is None or newest.conclusion is None else newest.conclusion.at
    if failed_at is not None and passed(0, failed_at, now) < back_off(len(run.attempts)):
        return None
    return RayStep("Create", number, deadline=_seconds_left(run, now))


def back_off(failures: int) -> int:
    """Seconds from the failure of that number to the next attempt."""
    return min(LONGEST_BACK_OFF, FIRST_BACK_OFF << min(failures - 1, 16))


def _seconds_left(run: ObservedRun, now: datetime) -> int | None:
    """What is left of the run's time, its attempts' and their back-offs'; None where it has no bound.

    Time in a queue, or suspended, is none of it: that is why it is not simply counted from the first attempt on.
    """
    limit = run.spec.active_deadline_seconds
    if limit is None or not run.attempts:
        return limit
    nexts = (*(instant(attempt.created) for attempt in run.attempts[1:]), now)
    spans = enumerate(zip(run.attempts, nexts, strict=True), start=1)
    return limit - sum(_took(attempt, number, following) for number, (attempt, following) in spans)


def _took(attempt: RayAttempt, number: int, following: datetime) -> int:
    """Seconds of an attempt, the `number`-th, and of the back-off after it; the next one was made at `following`."""
    if attempt.conclusion is None:
        return passed(0, _admitted(attempt), following)
    ended = attempt.conclusion.at
    return passed(0, attempt.started, instant(ended)) + min(back_off(number), passed(0, ended, following))


def _verdict(
    run: ObservedRun, end: Ended | None, failed: int, now: datetime
) -> tuple[Literal["Complete", "Failed"] | None, str]:
    """A Job's own words for its end."""
    if end is None:
        return None, ""
    if end.failure is None:
        return "Complete", ""
    if end.failure.reason == Reason.DEADLINE_EXCEEDED:
        return "Failed", "DeadlineExceeded"
    if end.final:
        return "Failed", "PodFailurePolicy"
    left = _seconds_left(run, now)
    if left is not None and left <= 0:
        return "Failed", "DeadlineExceeded"
    # With a result there is nothing left to try.
    if failed > run.spec.max_retries or run.status.result is not None:
        return "Failed", "BackoffLimitExceeded"
    return None, ""


def _failure(run: ObservedRun, attempt: RayAttempt) -> Failure:
    """Why KubeRay calls the RayJob failed: by the trainer's word, by a pod that was killed, by KubeRay's word."""
    if attempt.deployment == "ValidationFailed":
        message = clip(f"KubeRay does not take the RayJob {attempt.name}: {attempt.message}")
        return Failure(reason=str(Reason.JOB_FAILED), message=message)
    if attempt.reason == "DeadlineExceeded":
        return Failure(reason=str(Reason.DEADLINE_EXCEEDED), message="The time of the run is over.")
    told = failure_of_message(attempt.message, _head(run, attempt), memory_of(run))
    if told.exit_code == CANNOT_HEAL:
        return told
    killed = _out_of_memory(run, attempt)
    if killed is not None:
        return killed.model_copy(update={"log": told.log})
    if attempt.job == "STOPPED":
        return told.model_copy(update={"message": "Somebody stopped the trainer by Ray's API."})
    return told


def _lost(run: ObservedRun, attempt: RayAttempt) -> Failure | None:
    """Ray's head has ended, or is gone: what it knew of the training went with it, and KubeRay does not tell."""
    if attempt.suspended or attempt.deleting or attempt.deployment not in UNDER_WAY:
        return None
    heads = [pod for pod in _pods(run, attempt) if pod.head]
    for pod in heads:
        end = pod.ended_before or (pod.exit if pod.phase == "Failed" else None)
        if end is not None and not pod.deleting:
            found = read(pod.name, end, memory_of(run))
            if found.reason != Reason.TRAINER_FAILED or end.code is None:
                return found
            text = f"Ray's head ended with exit code {end.code}, and the training with it."
            return found.model_copy(update={"message": text})
    if heads or attempt.deployment != "Running":
        return None
    return Failure(
        reason=str(Reason.TRAINER_FAILED),
        message="The pod of Ray's head is gone, and with it the training and the exit code: somebody deleted it, or "
        "its node went away.",
        pod=_head(run, attempt),
        log=last_words(run, attempt.created),
    )


def _out_of_memory(run: ObservedRun, attempt: RayAttempt) -> Failure | None:
    for pod in _pods(run, attempt):
        for end in (pod.exit, pod.ended_before):
            if end is not None and end.reason == Reason.OUT_OF_MEMORY:
                return read(pod.name, end, memory_of(run))
    return None


def _head(run: ObservedRun, attempt: RayAttempt) -> str | None:
    """The pod of Ray's head, also when it is gone. KubeRay names the pods of a RayJob after it."""
    last = run.status.training_pod
    remembered = last.name if last is not None and last.name.startswith(f"{attempt.name}-") else None
    return next((pod.name for pod in _pods(run, attempt) if pod.head), remembered)


def _pods(run: ObservedRun, attempt: RayAttempt) -> list[PodFacts]:
    return sorted((pod for pod in run.pods if pod.attempt == attempt.number), key=lambda pod: (pod.created, pod.name))


def may_write(pod: PodFacts) -> bool:
    """Whether the pod has not ended yet."""
    return pod.phase not in ("Succeeded", "Failed")
