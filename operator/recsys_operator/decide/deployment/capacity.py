"""Whether the cluster has room for a revision's pods before it is started.

It counts nodes by node selector, required node affinity and taints, and holds a start, never a way back. Affinity to
other pods, spread, ports and volumes are not looked at: where they leave less room, the pods are pending, the scheduler
says why, and the canary has no weight until they are ready.
"""

from collections.abc import Iterable

from recsys_operator.api.common import Resources
from recsys_operator.api.quantity import quantity
from recsys_operator.api.rollout import DeploymentStatus, Revision
from recsys_operator.decide.deployment import sizes
from recsys_operator.decide.deployment.facts import Observed, Room
from recsys_operator.decide.deployment.versions import Unresolved, desired

MIB = 1024 * 1024


def matters(observed: Observed) -> bool:
    """Whether what is read of the nodes may decide anything now."""
    canary, status = observed.status.canary, observed.status
    if canary and canary.abort:
        status = status.model_copy(update={"canary": None})
    return _about_to_start(observed, status, desired(observed, status))


def _about_to_start(observed: Observed, status: DeploymentStatus, target: Revision | Unresolved) -> bool:
    """Whether the next move is to start this revision's pods."""
    if status.canary or observed.spec.paused or not isinstance(target, Revision):
        return False
    if status.stable and status.stable.revision == target.revision:
        return False
    return observed.workload(target.revision) is None


def shortage(observed: Observed, status: DeploymentStatus, target: Revision | Unresolved) -> str:
    """Why a revision that is about to start has to wait, as a sentence; empty when it has not, or nobody knows."""
    if observed.rooms is None or not isinstance(target, Revision) or not _about_to_start(observed, status, target):
        return ""
    pods = _pods(observed, status)
    cpu, memory = requests(observed.spec.resources)
    fits = sum(_fits(room, cpu, memory) for room in observed.rooms)
    if fits >= pods:
        return ""
    missing = _missing(observed.rooms, pods, cpu, memory) or f"no node has room for {_count(pods - fits)} more"
    return (
        f"Version {target.version} needs {_count(pods)} with {cpu}m CPU and {memory // MIB}Mi memory each, and the "
        f"nodes that may take them have room for {fits}: {missing}. It is started as soon as there is room; where "
        "nodes are added on demand, set capacityPreflight.enabled to false in the operator's chart."
    )


def requests(resources: Resources) -> tuple[int, int]:
    """Millicores and bytes that one pod asks the scheduler for."""
    asked = resources.requests.wire() if resources.requests else {}
    limits = resources.limits.wire()
    cpu, memory = (quantity(asked.get(name, limits[name])) or 0 for name in ("cpu", "memory"))
    return int(cpu * 1000), int(memory)


def _pods(observed: Observed, status: DeploymentStatus) -> int:
    """Pods of the first step."""
    return sizes.at_start(observed.spec, observed.stable_pods if status.stable else None)


def _fits(room: Room, cpu: int, memory: int) -> int:
    return max(0, min(room.pods, room.cpu // max(cpu, 1), room.memory // max(memory, 1)))


def _missing(rooms: Iterable[Room], pods: int, cpu: int, memory: int) -> str:
    """How much of which resource is missing, each looked at alone."""
    found = tuple(rooms)
    fit_cpu = sum(max(0, room.cpu // max(cpu, 1)) for room in found)
    fit_memory = sum(max(0, room.memory // max(memory, 1)) for room in found)
    fit_pods = sum(max(0, room.pods) for room in found)
    short = [
        f"{(pods - fit_cpu) * cpu}m CPU" if fit_cpu < pods else "",
        f"{(pods - fit_memory) * memory // MIB}Mi memory" if fit_memory < pods else "",
        f"places for {_count(pods - fit_pods)}" if fit_pods < pods else "",
    ]
    told = [one for one in short if one]
    return f"short of {' and '.join(told)}" if told else ""


def _count(pods: int) -> str:
    return f"{pods} pod" if pods == 1 else f"{pods} pods"
