"""Whether a gateway has taken up an HTTPRoute, and if not, why."""

from typing import Any

from recsys_operator.api.kinds import GATEWAYS
from recsys_operator.api.traffic import GatewayRef
from recsys_operator.observe.reader import Reader, if_possible

Object = dict[str, Any]


async def refusal(client: Reader, route: Object, gateway: GatewayRef) -> tuple[bool, str, str]:
    """Whether the route is accepted as it is now; if not, the reason (empty while nobody has answered) and a sentence.

    The gateway itself is read only when the route is not accepted; where it cannot be read, it counts as being there.
    """
    namespace = gateway.namespace or route["metadata"]["namespace"]
    accepted, message = judgement(route, gateway)
    if accepted:
        return True, "", ""
    if await if_possible(client.get(GATEWAYS, namespace, gateway.name), {}) is None:
        return (
            False,
            "GatewayNotFound",
            f"Gateway {gateway.name} does not exist in namespace {namespace}: create it, or correct "
            "spec.traffic.gateway.",
        )
    return False, "RouteNotAccepted" if message else "", message


def judgement(route: Object, gateway: GatewayRef) -> tuple[bool, str]:
    """Whether our gateway accepted the route, with all references resolved, at its generation; else its objection."""
    generation = route["metadata"]["generation"]
    namespace = route["metadata"]["namespace"]
    objection = ""
    for parent in route.get("status", {}).get("parents", ()):
        if not _same(parent.get("parentRef", {}), gateway, namespace):
            continue
        told = {
            condition["type"]: condition
            for condition in parent.get("conditions", ())
            if condition.get("observedGeneration", 0) >= generation
        }
        verdicts = [told.get(kind) for kind in ("Accepted", "ResolvedRefs")]
        if all(verdict and verdict["status"] == "True" for verdict in verdicts):
            return True, ""
        for verdict in verdicts:
            if verdict and verdict["status"] != "True" and not objection:
                objection = (
                    f"Gateway {gateway.name} says {verdict['type']}={verdict['status']} of HTTPRoute "
                    f"{route['metadata']['name']} ({verdict.get('reason', '')}): {verdict.get('message', '')}"
                )
    return False, objection


def _same(parent: Object, gateway: GatewayRef, namespace: str) -> bool:
    return (
        parent.get("name") == gateway.name
        and (parent.get("namespace") or namespace) == (gateway.namespace or namespace)
        and (parent.get("sectionName") or None) == gateway.section_name
    )
