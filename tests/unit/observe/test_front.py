"""What is read of the Service of a Deployment without a gateway."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.observe.cluster import OWNER, SERVES, Cluster, Object, deployment, model, seen, workload

from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.kinds import DEPLOYMENTS, ENDPOINTSLICES, HTTPROUTES, RECMODELS, SERVICES, WORKLOADS
from recsys_operator.apply.client import ApiError
from recsys_operator.build.front_service import front_service
from recsys_operator.build.http_route import Backend, http_route
from recsys_operator.decide.deployment.decision import decide
from recsys_operator.decide.deployment.facts import Stranger
from recsys_operator.reconcile.deployment import children, deletions

NOW = datetime(2026, 1, 2, 3, 4, 20, tzinfo=UTC)
POD = f"movies-v1-{SERVES.revision[:8]}-6d5f-abcde"
OTHER = "movies-v2-22222222-7777-fghij"


def alone() -> Object:
    obj = deployment()
    del obj["spec"]["traffic"], obj["spec"]["strategy"]
    return obj


def front() -> Object:
    manifest = front_service(OWNER, "movies", SERVES, SERVES.revision)
    times = [{"manager": "recsys-operator", "time": "2026-01-02T03:04:05Z"}]
    manifest["metadata"] |= {"uid": "f", "creationTimestamp": "2026-01-02T03:04:05Z", "managedFields": times}
    return manifest


def endpoints(*pods: tuple[str, bool], when: str = "2026-01-02T03:04:10Z") -> Object:
    return {
        "kind": "EndpointSlice",
        "metadata": {
            "name": "movies-x",
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": "movies"},
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "managedFields": [{"manager": "kube-controller-manager", "time": when}],
        },
        "endpoints": [{"targetRef": {"name": pod}, "conditions": {"ready": ready}} for pod, ready in pods],
    }


@pytest.mark.parametrize(
    ("slices", "accepted"),
    [
        ([endpoints((POD, True))], True),
        ([endpoints((POD, True), (POD, False))], True),
        ([endpoints((POD, False))], False),
        ([endpoints((POD, True)), endpoints((OTHER, True))], False),
        ([endpoints((POD, True), (OTHER, False))], False),
        ([], False),
    ],
)
async def test_the_endpoints_have_followed_when_they_are_the_revisions_own(
    slices: list[Object], accepted: bool
) -> None:
    cluster = Cluster(
        (DEPLOYMENTS, alone()), (WORKLOADS, workload()), (SERVICES, front()), *((ENDPOINTSLICES, one) for one in slices)
    )
    route = (await seen(cluster)).facts.route
    assert route
    assert route.weights == {SERVES.revision: 100}
    assert route.accepted is accepted
    assert route.stable == SERVES.revision


async def test_the_last_change_of_service_or_endpoints_counts() -> None:
    cluster = Cluster((DEPLOYMENTS, alone()), (SERVICES, front()), (ENDPOINTSLICES, endpoints((POD, True))))
    route = (await seen(cluster)).facts.route
    assert route
    assert route.changed == datetime(2026, 1, 2, 3, 4, 11, tzinfo=UTC)


async def test_endpoints_that_cannot_be_read_hold() -> None:
    cluster = Cluster(
        (DEPLOYMENTS, alone()), (SERVICES, front()), fails={ENDPOINTSLICES: ApiError(403, "Forbidden", "no")}
    )
    facts = (await seen(cluster)).facts
    assert facts.route
    assert not facts.route.accepted
    assert facts.silent_from("another") is None, "no pod goes on a guess"


async def test_the_service_of_somebody_else_is_told_and_left_alone() -> None:
    stranger = {"kind": "Service", "metadata": {"name": "movies", "namespace": "shop", "uid": "s"}}
    found = await seen(Cluster((DEPLOYMENTS, alone()), (RECMODELS, model({}, {})), (SERVICES, stranger)))
    assert Stranger("Service", "movies") in found.facts.strangers
    decision = decide(found.facts, (), NOW)
    assert decision.status.conditions[0].reason == "ChildNameTaken"
    written = [
        one["metadata"]["name"] for batch in children(found, decision) for kind, one in batch if kind == SERVICES
    ]
    assert written == [f"movies-v1-{SERVES.revision[:8]}"]


async def test_the_service_is_written_and_no_route() -> None:
    found = await seen(Cluster((DEPLOYMENTS, alone()), (RECMODELS, model({}, {})), (WORKLOADS, workload())))
    decision = decide(found.facts, (), NOW)
    written = [(kind, one) for batch in children(found, decision) for kind, one in batch]
    assert HTTPROUTES not in {kind for kind, _ in written}
    (service,) = [one for kind, one in written if kind == SERVICES and one["metadata"]["name"] == "movies"]
    assert service["spec"]["selector"]["recsys.dev/revision"] == SERVES.revision


async def test_a_route_of_before_is_deleted_when_the_service_is_in_place() -> None:
    spec = DeploymentSpec.model_validate(deployment()["spec"])
    route = http_route(OWNER, "movies", spec.traffic, [Backend(SERVES, 100)], SERVES.revision)
    route["metadata"] |= {"uid": "r", "generation": 1, "creationTimestamp": "2026-01-02T03:04:05Z"}
    objects: list[Any] = [(DEPLOYMENTS, alone()), (WORKLOADS, workload()), (HTTPROUTES, route)]
    found = await seen(Cluster(*objects))
    assert deletions(found, decide(found.facts, (), NOW)) == ()
    found = await seen(Cluster(*objects, (SERVICES, front()), (ENDPOINTSLICES, endpoints((POD, True)))))
    assert deletions(found, decide(found.facts, (), NOW)) == ((HTTPROUTES, "shop", "movies", "r"),)
