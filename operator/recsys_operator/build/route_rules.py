"""The rules of an HTTPRoute from what the user wants in it: matches, filters and timeouts around backends."""

from recsys_operator.api.route import Header, RouteFilter, RouteMatch, TrafficRoute
from recsys_operator.build.labels import Manifest

DEFAULT_MATCHES: tuple[Manifest, ...] = (
    {"path": {"type": "PathPrefix", "value": "/v1/"}},
    {"path": {"type": "Exact", "value": "/predict"}},
)
"""The serving API; metrics and probes of the pods are not reachable by it."""


def rule(route: TrafficRoute | None, backends: list[Manifest], header: Header | None = None) -> Manifest:
    """One rule. With `header`, only requests that have it are taken, and they win over a rule without."""
    matches = [_match(one) for one in (route.matches if route else None) or ()] or [
        dict(one) for one in DEFAULT_MATCHES
    ]
    if header:
        extra = {"type": "Exact", "name": header.name, "value": header.value}
        matches = [{**match, "headers": [*match.get("headers", ()), extra]} for match in matches]
    made: Manifest = {"matches": matches}
    if route and route.filters:
        made["filters"] = [_filter(one) for one in route.filters]
    made["backendRefs"] = backends
    if route and route.timeouts and route.timeouts.wire():
        made["timeouts"] = route.timeouts.wire()
    return made


def _match(match: RouteMatch) -> Manifest:
    return {name: value for name, value in match.wire().items() if value != []}


def _filter(one: RouteFilter) -> Manifest:
    """As the Gateway API writes it; a Service that requests are copied to is of the core group."""
    manifest = one.wire()
    if one.request_mirror:
        backend = {"group": "", "kind": "Service", **one.request_mirror.backend_ref.wire()}
        manifest["requestMirror"] = {**manifest["requestMirror"], "backendRef": backend}
    return manifest
