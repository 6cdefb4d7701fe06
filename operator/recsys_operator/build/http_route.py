"""The HTTPRoute of a Deployment. It is owned whole: its lists are atomic, so nobody else's weights survive in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from recsys_operator.api.kinds import GATEWAYS, HTTPROUTES
from recsys_operator.api.rollout import Revision
from recsys_operator.api.traffic import GatewayRef, Traffic
from recsys_operator.build import labels, names, server_service
from recsys_operator.build.labels import Manifest, Owner
from recsys_operator.build.route_rules import rule

STABLE = "recsys.dev/stable"
"""The revision that was stable when the route was written, for when the status is lost."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A revision and its share of the requests, in percent, above zero."""

    revision: Revision
    weight: int


def http_route(
    owner: Owner,
    model: str,
    traffic: Traffic,
    backends: Sequence[Backend],
    stable: str | None,
    testers: Revision | None = None,
) -> Manifest:
    """The route that shares requests among revisions, by its last rule.

    With `testers`, a rule before that one sends requests with the header of `traffic.testers` to that revision.
    """
    manifest = labels.child(HTTPROUTES, owner, names.route(owner.name), labels.of_deployment(model, owner.name))
    if stable:
        manifest["metadata"]["annotations"] = {STABLE: stable}
    ordered = sorted(backends, key=lambda one: (one.revision.version, one.revision.revision))
    rules = [rule(traffic.route, [_reference(owner, one.revision, one.weight) for one in ordered])]
    if testers and traffic.testers:
        rules.insert(0, rule(traffic.route, [_reference(owner, testers, 1)], traffic.testers.header))
    manifest["spec"] = {
        "parentRefs": [_parent(traffic.gateway)] if traffic.gateway else [],
        "hostnames": list(traffic.hostnames or ()),
        "rules": rules,
    }
    return manifest


def _reference(owner: Owner, revision: Revision, weight: int) -> Manifest:
    return {
        "group": "",
        "kind": "Service",
        "name": names.server(owner.name, revision.version, revision.revision),
        "port": server_service.PORT,
        "weight": weight,
    }


def _parent(gateway: GatewayRef) -> Manifest:
    parent: Manifest = {"group": GATEWAYS.group, "kind": GATEWAYS.kind, "name": gateway.name}
    if gateway.namespace:
        parent["namespace"] = gateway.namespace
    if gateway.section_name:
        parent["sectionName"] = gateway.section_name
    return parent
