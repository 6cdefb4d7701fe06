"""What pods that are not ready complain of, and whether they can ever become ready."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

Object = dict[str, Any]

NO_COMPLAINT = ("ContainerCreating", "PodInitializing")
"""Waiting for these is the ordinary course of things."""

CRASHES = 3
"""Restarts after which a container that is not ready is in a crash loop: a minute, by the kubelet's back-off."""

NOT_A_CRASH = ("Completed", "Unknown", "ContainerStatusUnknown")
"""Reasons of an end that say nothing about the container: the node restarted, or the kubelet lost it."""

HOPELESS_ENDS = ("DigestMismatch", "WrongVersion", "GatesNotPassed", "ModelUnreadable", "ModelBroken")
"""What the server says of a version whose bytes are at fault, whenever and wherever it is started."""

HOPELESS_IMAGES = ("InvalidImageName",)
NO_IMAGE = ("ErrImagePull", "ImagePullBackOff")
NOT_THERE = ("notfound", "not found", "manifest unknown")
"""What a registry that answers says of an image that it does not have. One that does not answer may be back."""


def complaint(pods: Iterable[Object]) -> str:
    """The first complaint of any pod as a sentence; empty when all is well or on its way."""
    return next((text for pod in pods for text in _complaints(pod)), "")


def broken(pods: Iterable[Object]) -> str:
    """Why pods will not become ready by themselves, as a sentence; empty while they may yet."""
    living = (pod for pod in pods if not pod["metadata"].get("deletionTimestamp"))
    return next((text for pod in living for text in _faults(pod)), "")


def _faults(pod: Object) -> Iterator[str]:
    name, status = pod["metadata"]["name"], pod.get("status", {})
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        waiting = container.get("state", {}).get("waiting") or {}
        ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
        reason, message = waiting.get("reason", ""), str(waiting.get("message", ""))
        if container.get("ready"):
            continue
        if reason in HOPELESS_IMAGES or (reason in NO_IMAGE and any(word in message.lower() for word in NOT_THERE)):
            yield f"pod {name}: {reason}: {message}"
        elif ended and _said(ended) in HOPELESS_ENDS:
            yield f"pod {name}: {_ended(ended)}"
        elif ended and container.get("restartCount", 0) >= CRASHES and ended.get("reason") not in NOT_A_CRASH:
            yield f"pod {name} ended {container['restartCount']} times, the last time with {_ended(ended)}"


def _said(ended: Object) -> str:
    """The reason that a server gave when it ended, as one JSON object."""
    try:
        said = json.loads(str(ended.get("message")))
    except ValueError:
        return ""
    return str(said.get("reason")) if isinstance(said, dict) else ""


def _complaints(pod: Object) -> Iterator[str]:
    name, status = pod["metadata"]["name"], pod.get("status", {})
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        waiting = container.get("state", {}).get("waiting")
        ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
        if waiting and waiting.get("reason") not in NO_COMPLAINT:
            yield f"pod {name}: {waiting.get('reason')}: {_ended(ended) or waiting.get('message', '')}".rstrip(": ")
        elif ended and not container.get("ready") and not waiting:
            yield f"pod {name}: {_ended(ended)}"
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"pod {name}: {condition.get('reason', 'Unschedulable')}: {condition.get('message', '')}"


def _ended(ended: Object | None) -> str:
    """How a container ended, with what it said about it."""
    if not ended:
        return ""
    said = str(ended.get("message") or ended.get("reason") or "").strip()
    return f"exit code {ended.get('exitCode')}: {said[-500:]}"
