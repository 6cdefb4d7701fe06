"""A run's Job or RayJobs and their pods, from the API server's objects to facts."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from recsys_operator.api.trainingrun import Failure
from recsys_operator.build.labels import ATTEMPT, CONCLUDED, QUEUE
from recsys_operator.decide.times import instant, rfc3339
from recsys_operator.decide.trainingrun.facts import (
    TRAINER,
    Conclusion,
    Exit,
    JobFacts,
    PodFacts,
    RayAttempt,
    Waiting,
)

NODE_TYPE = "ray.io/node-type"
"""KubeRay's label of a pod: head or worker."""

STARTING = frozenset({"ContainerCreating", "PodInitializing"})
"""Reasons of a wait that is in order."""


def job_facts(job: Mapping[str, Any]) -> JobFacts:
    """What a Job says of itself."""
    status = job.get("status", {})
    verdict, reason, message = _verdict(status.get("conditions") or ())
    return JobFacts(
        name=job["metadata"]["name"],
        created=job["metadata"]["creationTimestamp"],
        suspended=bool(job["spec"].get("suspend", False)),
        active=status.get("active") or 0,
        succeeded=status.get("succeeded") or 0,
        failed=status.get("failed") or 0,
        verdict=verdict,
        verdict_reason=reason,
        verdict_message=message,
        queue=(job["metadata"].get("labels") or {}).get(QUEUE) or None,
        started=status.get("startTime"),
        deleting="deletionTimestamp" in job["metadata"],
    )


def pod_facts(pod: Mapping[str, Any]) -> PodFacts:
    """What a pod says of itself and of its one container."""
    status = pod.get("status", {})
    phase = status.get("phase", "Pending")
    container: Mapping[str, Any] = next(
        (entry for entry in status.get("containerStatuses") or () if entry.get("name") == TRAINER), {}
    )
    state = container.get("state") or {}
    before = (container.get("lastState") or {}).get("terminated")
    labels = pod["metadata"].get("labels") or {}
    return PodFacts(
        name=pod["metadata"]["name"],
        created=pod["metadata"].get("creationTimestamp") or "",
        phase=phase,
        deleting="deletionTimestamp" in pod["metadata"],
        running=phase == "Running" and (state.get("terminated") or {}).get("exitCode", 0) == 0,
        unscheduled=_unscheduled(status.get("conditions") or ()),
        waiting=_waiting(state.get("waiting"), _image(pod)),
        exit=_exit(status, state.get("terminated")) if phase in ("Succeeded", "Failed") else None,
        attempt=_number(labels.get(ATTEMPT)),
        head=labels.get(NODE_TYPE) == "head",
        ended_before=_exit({}, before) if before else None,
        scheduled=_scheduled(status),
    )


def ray_attempt(job: Mapping[str, Any]) -> RayAttempt:
    """What a RayJob says of itself, and what the operator wrote on it."""
    metadata, status = job["metadata"], job.get("status") or {}
    # KubeRay's schema lets one in without a spec.
    spec = job.get("spec") or {}
    labels = metadata.get("labels") or {}
    return RayAttempt(
        name=metadata["name"],
        number=_number(labels.get(ATTEMPT)) or 0,
        created=metadata["creationTimestamp"],
        suspended=bool(spec.get("suspend", False)),
        deployment=status.get("jobDeploymentStatus") or "",
        job=status.get("jobStatus") or "",
        reason=status.get("reason") or "",
        message=status.get("message") or "",
        started=status.get("startTime"),
        queue=labels.get(QUEUE) or None,
        deleting="deletionTimestamp" in metadata,
        conclusion=_conclusion((metadata.get("annotations") or {}).get(CONCLUDED, "")),
    )


def _conclusion(text: str) -> Conclusion | None:
    """What `decide.trainingrun.rayjobs.written` made; None where there is nothing of that form."""
    try:
        found = json.loads(text)
        return Conclusion(rfc3339(instant(found["at"])), Failure.model_validate(found["failure"]))
    except (ValueError, TypeError, KeyError):
        return None


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else None


def _verdict(conditions: Any) -> tuple[Literal["Complete", "Failed"] | None, str, str]:
    for condition in conditions:
        if condition.get("status") != "True":
            continue
        told = condition.get("reason") or "", condition.get("message") or ""
        if condition.get("type") == "Complete":
            return "Complete", *told
        if condition.get("type") == "Failed":
            return "Failed", *told
    return None, "", ""


def _unscheduled(conditions: Any) -> str | None:
    for condition in conditions:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return condition.get("message") or condition.get("reason") or "the scheduler gives no reason"
    return None


def _scheduled(status: Mapping[str, Any]) -> str | None:
    """When the scheduler gave it a node; the kubelet's first word of it where nobody says so."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "True":
            return condition.get("lastTransitionTime") or status.get("startTime")
    return status.get("startTime")


def _waiting(waiting: Mapping[str, Any] | None, image: str) -> Waiting | None:
    if not waiting or waiting.get("reason") in STARTING:
        return None
    return Waiting(waiting.get("reason") or "Unknown", waiting.get("message") or "", image)


def _image(pod: Mapping[str, Any]) -> str:
    containers = pod.get("spec", {}).get("containers") or ()
    return next((str(entry.get("image")) for entry in containers if entry.get("name") == TRAINER), "")


def _exit(status: Mapping[str, Any], terminated: Mapping[str, Any] | None) -> Exit:
    """How the container ended, and what the kubelet says of the pod."""
    ended = terminated or {}
    return Exit(
        code=ended.get("exitCode"),
        reason=ended.get("reason") or "",
        message=ended.get("message") or "",
        finished=ended.get("finishedAt") or "",
        pod_reason=status.get("reason") or "",
        pod_message=status.get("message") or "",
    )
