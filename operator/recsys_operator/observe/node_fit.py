"""Whether the scheduler may put a Deployment's pods on a node, whatever else is on it: by its labels and taints.

What depends on other pods (affinity to pods, spread over nodes and zones) is not looked at.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from recsys_operator.api.affinity import NodeRequirement, NodeTerm
from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.podfields import Toleration

CORDONED = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
"""The taint that a cordoned node counts as having, also before it has it."""


def may_take(node: Mapping[str, Any], spec: DeploymentSpec) -> bool:
    """Whether the node's labels are asked for, and each taint that keeps pods away is tolerated."""
    marks = node["metadata"].get("labels") or {}
    taints = [one for one in node["spec"].get("taints") or () if one.get("effect") in ("NoSchedule", "NoExecute")]
    if node["spec"].get("unschedulable"):
        taints.append(CORDONED)
    return (
        (spec.node_selector or {}).items() <= marks.items()
        and _wanted(marks, spec)
        and all(_borne(taint, spec.tolerations or ()) for taint in taints)
    )


def _wanted(marks: Mapping[str, str], spec: DeploymentSpec) -> bool:
    """Whether any term of the required node affinity is fulfilled."""
    nodes = spec.affinity.node_affinity if spec.affinity else None
    required = nodes.required if nodes else None
    return required is None or any(_fulfilled(marks, term) for term in required.node_selector_terms)


def _fulfilled(marks: Mapping[str, str], term: NodeTerm) -> bool:
    return all(_true(marks.get(one.key), one) for one in term.match_expressions)


def _true(mark: str | None, required: NodeRequirement) -> bool:
    """As core/v1 has it: a label that is missing is not in any list, and neither greater nor less than anything."""
    values = required.values or ()
    match required.operator:
        case "In":
            return mark in values
        case "NotIn":
            return mark not in values
        case "Exists":
            return mark is not None
        case "DoesNotExist":
            return mark is None
        case "Gt" | "Lt":
            found, bound = _whole(mark), _whole(values[0] if values else None)
            if found is None or bound is None:
                return False
            return found > bound if required.operator == "Gt" else found < bound


def _whole(text: str | None) -> int | None:
    """The whole number that a label is, if it is one."""
    digits = (text or "").removeprefix("-")
    return int(text or "") if digits.isascii() and digits.isdigit() else None


def _borne(taint: Mapping[str, str], tolerations: Iterable[Toleration]) -> bool:
    return any(
        one.key in (None, taint["key"])
        and (one.operator == "Exists" or (one.value or "") == taint.get("value", ""))
        and one.effect in (None, taint["effect"])
        for one in tolerations
    )
