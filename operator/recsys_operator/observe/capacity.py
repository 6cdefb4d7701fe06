"""What the nodes have left for a Deployment's pods: allocatable minus what the pods on them ask for."""

from collections.abc import Iterable, Mapping
from typing import Any

from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.kinds import NODES, PODS
from recsys_operator.api.podfields import Toleration
from recsys_operator.api.quantity import quantity
from recsys_operator.decide.deployment.facts import Room
from recsys_operator.observe.reader import Reader, if_possible

Object = dict[str, Any]


async def rooms(client: Reader, spec: DeploymentSpec) -> tuple[Room, ...] | None:
    """The room on each node that may take the pods; None when it cannot be known.

    That is so without the right to read nodes (the operator's Roles of single namespaces, or by choice), without nodes,
    and with a priority class, before which other pods may have to give way.
    """
    if spec.priority_class_name:
        return None
    nodes: list[Object] = await if_possible(client.list(NODES, None), [])
    pods: list[Object] | None = await if_possible(client.list(PODS, None), None) if nodes else None
    if pods is None:
        return None
    taken: dict[str, list[Object]] = {}
    for pod in pods:
        if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
            taken.setdefault(pod["spec"].get("nodeName", ""), []).append(pod["spec"])
    return tuple(_room(node, taken.get(node["metadata"]["name"], ())) for node in nodes if _may_take(node, spec))


def _may_take(node: Object, spec: DeploymentSpec) -> bool:
    marks = node["metadata"].get("labels", {})
    taints = [one for one in node["spec"].get("taints", ()) if one.get("effect") in ("NoSchedule", "NoExecute")]
    return (
        not node["spec"].get("unschedulable")
        and (spec.node_selector or {}).items() <= marks.items()
        and all(_borne(taint, spec.tolerations or ()) for taint in taints)
    )


def _borne(taint: Mapping[str, str], tolerations: Iterable[Toleration]) -> bool:
    return any(
        one.key in (None, taint["key"])
        and (one.operator == "Exists" or (one.value or "") == taint.get("value", ""))
        and one.effect in (None, taint["effect"])
        for one in tolerations
    )


def _room(node: Object, pods: Iterable[Object]) -> Room:
    has = node.get("status", {}).get("allocatable", {})
    specs = list(pods)
    return Room(
        cpu=_millis(has.get("cpu")) - sum(_asks(spec, "cpu") for spec in specs),
        memory=(_millis(has.get("memory")) - sum(_asks(spec, "memory") for spec in specs)) // 1000,
        pods=_millis(has.get("pods")) // 1000 - len(specs),
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
