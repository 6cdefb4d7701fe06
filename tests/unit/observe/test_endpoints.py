"""What is read of the endpoints behind each revision's Service."""

from typing import Any

import pytest
from tests.unit.observe.cluster import SERVES, Cluster, Object, deployment, seen, workload

from recsys_operator.api.kinds import DEPLOYMENTS, ENDPOINTSLICES, WORKLOADS
from recsys_operator.apply.client import ApiError
from recsys_operator.build import labels


def endpoint_slice(*pods: tuple[str, bool | None], **marks: str) -> Object:
    return {
        "kind": "EndpointSlice",
        "metadata": {
            "name": "movies-x",
            "namespace": "shop",
            "labels": {labels.DEPLOYMENT: "movies", labels.REVISION: SERVES.revision, **marks},
        },
        "endpoints": [
            {"targetRef": {"name": pod}, "conditions": {} if ready is None else {"ready": ready}} for pod, ready in pods
        ],
    }


@pytest.mark.parametrize(
    ("slices", "count"),
    [
        ([endpoint_slice(("a", True), ("b", False))], 1),
        ([endpoint_slice(("a", True)), endpoint_slice(("b", True))], 2),
        ([endpoint_slice(("a", True)), endpoint_slice(("a", True))], 1),  # its IPv4 and its IPv6 address
        ([endpoint_slice(("a", None))], 1),
        ([endpoint_slice(("a", True), **{labels.DEPLOYMENT: "other"})], 0),
        ([{**endpoint_slice(), "endpoints": None}], 0),
        ([], 0),
    ],
)
async def test_ready_pods_of_all_slices_count_once(slices: list[Object], count: int) -> None:
    objects: list[Any] = [(ENDPOINTSLICES, one) for one in slices]
    facts = (await seen(Cluster((DEPLOYMENTS, deployment()), (WORKLOADS, workload()), *objects))).facts
    assert facts.endpoints is not None
    assert facts.reachable(SERVES.revision) == count


async def test_what_cannot_be_read_holds_no_endpoints() -> None:
    cluster = Cluster((DEPLOYMENTS, deployment()), fails={ENDPOINTSLICES: ApiError(403, "Forbidden", "no")})
    assert (await seen(cluster)).facts.endpoints == {}


async def test_without_a_gateway_they_are_not_asked_for() -> None:
    alone = deployment()
    del alone["spec"]["traffic"], alone["spec"]["strategy"]
    cluster = Cluster((DEPLOYMENTS, alone), fails={ENDPOINTSLICES: AssertionError("they were asked for")})
    assert (await seen(cluster)).facts.endpoints is None
