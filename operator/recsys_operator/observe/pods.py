"""What pods that are not ready complain of."""

from collections.abc import Iterable, Iterator
from typing import Any

Object = dict[str, Any]

NO_COMPLAINT = ("ContainerCreating", "PodInitializing")
"""Waiting for these is the ordinary course of things."""


def complaint(pods: Iterable[Object]) -> str:
    """The first complaint of any pod as a sentence; empty when all is well or on its way."""
    return next((text for pod in pods for text in _complaints(pod)), "")


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
