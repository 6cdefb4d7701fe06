"""Another HTTPRoute that takes the requests of a Deployment's own."""

import copy
from typing import Any

import pytest
from tests.unit.observe.cluster import Cluster, Object, deployment, seen

from recsys_operator.api.kinds import DEPLOYMENTS, HTTPROUTES
from recsys_operator.api.traffic import Traffic
from recsys_operator.decide.deployment.facts import Rival
from recsys_operator.observe.rival import rival

TRAFFIC = {"gateway": {"name": "gateway"}, "hostnames": ["movies.example"]}
MATCHES = [{"path": {"type": "PathPrefix", "value": "/v1/"}}, {"path": {"type": "Exact", "value": "/predict"}}]
FOUND = Rival("other", "songs", "movies.example")


def route(name: str = "other", created: str = "2026-01-01T00:00:00Z", **spec: Any) -> Object:
    return {
        "metadata": {"name": name, "creationTimestamp": created, "labels": {"recsys.dev/deployment": "songs"}},
        "spec": {
            "parentRefs": [{"kind": "Gateway", "name": "gateway"}],
            "hostnames": ["a.example", "movies.example"],
            "rules": [{"matches": copy.deepcopy(MATCHES)}],
            **spec,
        },
    }


def found(*routes: Object, ours: Object | None = None, **traffic: Any) -> Rival | None:
    return rival("shop", "ours", Traffic.model_validate({**TRAFFIC, **traffic}), ours, routes)


def test_a_route_of_the_same_host_and_match_that_was_there_first() -> None:
    assert found(route()) == FOUND
    assert found(route(), ours=route("ours", "2026-01-01T00:00:01Z")) == FOUND


@pytest.mark.parametrize(
    ("name", "created", "wins"),
    [
        ("other", "2026-01-01T00:00:01Z", False),
        ("other", "2025-12-31T23:59:59Z", True),
        ("a", "2026-01-01T00:00:00Z", True),
        ("z", "2026-01-01T00:00:00Z", False),
    ],
)
def test_the_older_one_wins_then_the_first_name(name: str, created: str, wins: bool) -> None:
    got = found(route(name, created), ours=route("ours", "2026-01-01T00:00:00Z"))
    assert (got is not None) == wins


def test_our_own_and_one_that_goes_away_are_none() -> None:
    leaving = route()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    assert found(route("ours"), leaving) is None
    assert found(leaving, route("third")) == Rival("third", "songs", "movies.example")


@pytest.mark.parametrize(
    "spec",
    [
        {"hostnames": ["b.example"]},
        {"hostnames": ["*.example"]},
        {"parentRefs": [{"name": "another"}]},
        {"parentRefs": [{"name": "gateway", "namespace": "elsewhere"}]},
        {"parentRefs": [{"name": "gateway", "kind": "Service"}]},
        {"rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/v2/"}}]}]},
        {"rules": [{"matches": [{"path": {"value": "/v1/"}, "headers": [{"name": "X-Test", "value": "1"}]}]}]},
        {"rules": [{"matches": [{"path": {"value": "/v1/"}, "method": "POST"}]}]},
        {"rules": [{"matches": [{"path": {"value": "/v1/"}, "queryParams": [{"name": "a", "value": "1"}]}]}]},
        {"rules": [{}]},
        {"rules": []},
    ],
)
def test_what_takes_other_requests_is_none(spec: dict[str, Any]) -> None:
    assert found(route(**spec)) is None


def test_one_match_in_common_is_enough_however_it_is_written() -> None:
    same = [{"matches": [{"path": {"value": "/v2/"}}]}, {"matches": [{"path": {"value": "/v1/"}}]}]
    assert found(route(rules=same)) == FOUND
    everything = {"route": {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}}
    assert found(route(rules=[{}]), **everything) == FOUND
    header = {"path": {"value": "/v1/"}, "headers": [{"name": "x-shop", "value": "1"}]}
    ours = {"route": {"matches": [{**header, "headers": [{"name": "X-Shop", "value": "1"}]}]}}
    assert found(route(rules=[{"matches": [header]}]), **ours) == FOUND


@pytest.mark.parametrize(
    ("theirs", "ours", "wins"), [("web", "web", True), ("web", "mail", False), ("", "web", True), ("web", None, True)]
)
def test_listeners(theirs: str, ours: str | None, wins: bool) -> None:
    parent = {"name": "gateway", "namespace": "shop", **({"sectionName": theirs} if theirs else {})}
    gateway = {"name": "gateway", **({"sectionName": ours} if ours else {})}
    assert (found(route(parentRefs=[parent]), gateway=gateway) is not None) == wins


def test_without_a_gateway_there_is_none() -> None:
    assert rival("shop", "ours", Traffic.model_validate({}), None, [route()]) is None


async def test_it_is_observed() -> None:
    cluster = Cluster((DEPLOYMENTS, deployment()), (HTTPROUTES, route()))
    assert (await seen(cluster)).facts.rival == FOUND
    other = Cluster((DEPLOYMENTS, deployment()), (HTTPROUTES, route(hostnames=["b.example"])))
    assert (await seen(other)).facts.rival is None


async def test_annotations_that_are_no_command_are_observed() -> None:
    obj = deployment()
    obj["metadata"]["annotations"] = {"recsys.dev/promte": "v2/1", "recsys.dev/promote": "v2/1", "team": "shop"}
    assert (await seen(Cluster((DEPLOYMENTS, obj)))).facts.unknown_commands == ("recsys.dev/promte",)
