"""What the nodes have left for a Deployment's pods: allocatable minus what the pods on them ask for."""

import logging
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.kinds import NODES, PODS
from recsys_operator.api.quantity import quantity
from recsys_operator.decide.deployment.facts import Room
from recsys_operator.observe.node_fit import may_take
from recsys_operator.observe.reader import Reader, if_possible

logger = logging.getLogger(__name__)

Object = dict[str, Any]

NOT_OVER = "status.phase!=Succeeded,status.phase!=Failed"
"""Pods that are over take no room, and a cluster that runs Jobs is full of them."""


@dataclass(slots=True)
class Left:
    """What a node has left, in thousandths of a core and of a byte, and in pods."""

    cpu: int
    memory: int
    pods: int


async def rooms(client: Reader, spec: DeploymentSpec) -> tuple[Room, ...] | None:
    """The room on each node that may take the pods; None when it cannot be known.

    That is so without the right to read nodes (the operator's Roles of single namespaces, or by choice), without nodes,
    where there are too many pods to be read in time, and with a priority class, before which other pods may have to
    give way.
    """
    if spec.priority_class_name:
        return None
    faults: list[Exception] = []
    free = await if_possible(_allocatable(client, spec), None, faults.append)
    if free:
        free = await if_possible(_without_pods(client, free), None, faults.append)
    _tell(client, faults[0] if faults else None)
    if free is None:
        return None
    return tuple(Room(cpu=left.cpu, memory=left.memory // 1000, pods=left.pods) for left in free.values())


async def _allocatable(client: Reader, spec: DeploymentSpec) -> dict[str, Left] | None:
    """What each node that may take the pods has for pods in all, by name; None when there are no nodes."""
    found: dict[str, Left] = {}
    there = False
    async for page in client.pages(NODES, None):
        there = there or bool(page)
        for node in page:
            if may_take(node, spec):
                has = node.get("status", {}).get("allocatable", {})
                found[node["metadata"]["name"]] = Left(
                    _millis(has.get("cpu")), _millis(has.get("memory")), _millis(has.get("pods")) // 1000
                )
    return found if there else None


async def _without_pods(client: Reader, free: dict[str, Left]) -> dict[str, Left]:
    """The same without what the pods on these nodes ask for. A page of pods is let go before the next is read."""
    async for page in client.pages(PODS, None, fields=NOT_OVER):
        for pod in page:
            left = free.get(pod["spec"].get("nodeName", ""))
            if left is not None:
                left.cpu -= _asks(pod["spec"], "cpu")
                left.memory -= _asks(pod["spec"], "memory")
                left.pods -= 1
    return free


_told: WeakKeyDictionary[Reader, str] = WeakKeyDictionary()
"""What was last logged about each client's view of the nodes."""


def _tell(client: Reader, fault: Exception | None) -> None:
    """Log why the room is not known, once until that changes: every Deployment that starts a version comes by."""
    reason = str(fault) if fault else ""
    if reason == _told.get(client, ""):
        return
    _told[client] = reason
    if fault is None:
        logger.info("the room on the nodes is known again")
        return
    # Without the right to read nodes there is no preflight, and whoever set it up so knows.
    logger.log(
        logging.INFO if getattr(fault, "status", None) == 403 else logging.WARNING,
        "the room on the nodes is not known: versions are started without a look at it",
        extra={"error": reason},
    )


def _asks(spec: Object, resource: str) -> int:
    """Thousandths that a pod asks for: its containers together, or an init container that runs before them."""
    first = spec.get("initContainers", ())
    lasting = [*spec["containers"], *(one for one in first if one.get("restartPolicy") == "Always")]
    together = sum(_request(one, resource) for one in lasting)
    alone = max((_request(one, resource) for one in first), default=0)
    return max(together, alone) + _millis(spec.get("overhead", {}).get(resource))


def _request(container: Object, resource: str) -> int:
    return _millis(container.get("resources", {}).get("requests", {}).get(resource))


def _millis(amount: object) -> int:
    return int((quantity(amount) or 0) * 1000)
