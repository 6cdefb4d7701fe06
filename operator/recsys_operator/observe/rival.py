"""Which other HTTPRoute takes the requests of ours.

Of two routes with the same host name and the same match at one gateway, the older one gets the requests, then the one
whose name comes first (Gateway API, HTTPRouteRule: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule).
"""

from collections.abc import Iterable
from typing import Any

from recsys_operator.api.kinds import HTTPROUTES
from recsys_operator.api.traffic import GatewayRef, Traffic
from recsys_operator.build import labels
from recsys_operator.build.route_rules import rule
from recsys_operator.decide.deployment.facts import Rival
from recsys_operator.observe.reader import Reader, if_possible

Object = dict[str, Any]
Key = tuple[object, ...]


async def observe_rival(
    client: Reader, namespace: str, name: str, traffic: Traffic, ours: Object | None
) -> Rival | None:
    """The rival among all HTTPRoutes of the namespace; None too where they cannot be read."""
    routes = await if_possible(client.list(HTTPROUTES, namespace), []) if traffic.gateway else []
    return rival(namespace, name, traffic, ours, routes)


def rival(namespace: str, name: str, traffic: Traffic, ours: Object | None, routes: Iterable[Object]) -> Rival | None:
    """The first of `routes`, all of `namespace`, that was there before `ours` and takes something of what it asks for.

    `name` is that of our route, `ours` the route itself where it exists. What another route takes in part is taken:
    an answer that depends on the path is nothing that a rollout could be judged by.
    """
    if traffic.gateway is None:
        return None
    hosts, matches = set(traffic.hostnames or ()), _keys(rule(traffic.route, []))
    others = (one for one in routes if one["metadata"]["name"] != name)
    for other in sorted(others, key=_age):
        metadata, spec = other["metadata"], other["spec"]
        if metadata.get("deletionTimestamp"):
            continue
        if ours and _age(ours) < _age(other):
            continue
        shared = sorted(hosts & set(spec.get("hostnames") or ()))
        if shared and _attached(spec, traffic.gateway, namespace) and matches & _all_keys(spec):
            return Rival(metadata["name"], metadata.get("labels", {}).get(labels.DEPLOYMENT, ""), shared[0])
    return None


def _age(route: Object) -> tuple[str, str]:
    return route["metadata"]["creationTimestamp"], route["metadata"]["name"]


def _attached(spec: Object, gateway: GatewayRef, namespace: str) -> bool:
    """Whether a route is at our gateway; one that names no listener is at all of them."""
    return any(
        parent.get("kind", "Gateway") == "Gateway"
        and parent.get("name") == gateway.name
        and (parent.get("namespace") or namespace) == (gateway.namespace or namespace)
        and (not parent.get("sectionName") or gateway.section_name in (None, parent["sectionName"]))
        for parent in spec.get("parentRefs") or ()
    )


def _all_keys(spec: Object) -> set[Key]:
    return {key for one in spec.get("rules") or () for key in _keys(one)}


def _keys(made: Object) -> set[Key]:
    """What a rule matches, with the defaults of the Gateway API written out."""
    matches: list[Object] = made.get("matches") or [{}]
    return {_key(match) for match in matches}


def _key(match: Object) -> Key:
    path = match.get("path") or {}
    return (
        (path.get("type") or "PathPrefix", path.get("value") or "/"),
        match.get("method") or "",
        *(
            tuple(
                sorted((one.get("type") or "Exact", fold(one["name"]), one["value"]) for one in match.get(part) or ())
            )
            for part, fold in (("headers", str.lower), ("queryParams", str))
        ),
    )
