"""What is read of nodes and pods before a version is started, and when."""

from typing import Any

import pytest
from tests.unit.decide.run_facts import model_spec
from tests.unit.observe.cluster import CATALOGUE, SERVES, VERSION, Cluster, Object, deployment, model, seen, workload

from recsys_operator.api.kinds import DEPLOYMENTS, NODES, PODS, RECMODELS, WORKLOADS
from recsys_operator.apply.client import ApiError
from recsys_operator.decide.deployment.facts import Room

MIB = 1024 * 1024
OTHER = {**VERSION, "version": 2, "digest": "sha256:" + "2" * 64}


def node(name: str = "a", labels: dict[str, str] | None = None, **spec: Any) -> Object:
    allocatable = {"cpu": "2", "memory": "4Gi", "pods": "110"}
    metadata = {"name": name, "labels": labels or {}}
    return {"metadata": metadata, "spec": spec, "status": {"allocatable": allocatable}}


def pod(cpu: str, memory: str, phase: str = "Running", **spec: Any) -> Object:
    container = {"resources": {"requests": {"cpu": cpu, "memory": memory}}}
    return {
        "metadata": {"name": "p", "labels": {}},
        "spec": {"nodeName": "a", "containers": [container], **spec},
        "status": {"phase": phase},
    }


async def rooms(*objects: tuple[Any, Object], pin: int = 2, fails: Any = None, **spec: Any) -> tuple[Room, ...] | None:
    obj = deployment()
    obj["spec"] |= {"version": {"pin": pin}, **spec}
    found = model(model_spec(catalogue=CATALOGUE.wire()).wire(), {"versions": [VERSION, OTHER]})
    cluster = Cluster((DEPLOYMENTS, obj), (WORKLOADS, workload()), (RECMODELS, found), *objects, fails=fails)
    return (await seen(cluster)).facts.rooms


async def test_requests_of_pods_that_are_not_over_are_subtracted() -> None:
    init = {"resources": {"requests": {"cpu": "1500m", "memory": "64Mi"}}}
    sidecar = {"resources": {"requests": {"cpu": "100m", "memory": "100Mi"}}, "restartPolicy": "Always"}
    assert await rooms(
        (NODES, node()),
        (PODS, pod("250m", "1Gi")),
        (PODS, pod("100m", "256Mi", initContainers=[sidecar], overhead={"cpu": "50m"})),
        (PODS, pod("1", "1Gi", phase="Succeeded")),
        (PODS, pod("1", "1Gi", phase="Failed")),
        (PODS, pod("1", "1Gi", nodeName="b")),
    ) == (Room(2000 - 250 - 250, (4096 - 1024 - 356) * MIB, 108),)
    assert await rooms((NODES, node()), (PODS, pod("250m", "1Gi", initContainers=[init]))) == (
        Room(500, (4096 - 1024) * MIB, 109),
    )


TAINT = {"key": "dedicated", "value": "serving", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("there", "spec", "counts"),
    [
        (node(), {}, True),
        (node(unschedulable=True), {}, False),
        (node(taints=[TAINT]), {}, False),
        (node(taints=[{**TAINT, "effect": "PreferNoSchedule"}]), {}, True),
        (node(taints=[TAINT]), {"tolerations": [{"key": "dedicated", "operator": "Exists"}]}, True),
        (node(taints=[TAINT]), {"tolerations": [{"key": "dedicated", "value": "serving"}]}, True),
        (node(taints=[TAINT]), {"tolerations": [{"key": "dedicated", "value": "training"}]}, False),
        (node(taints=[TAINT]), {"tolerations": [{"operator": "Exists", "effect": "NoExecute"}]}, False),
        (node(), {"nodeSelector": {"disk": "ssd"}}, False),
        (node(labels={"disk": "ssd"}), {"nodeSelector": {"disk": "ssd"}}, True),
    ],
)
async def test_nodes_that_may_not_take_the_pods_do_not_count(there: Object, spec: dict[str, Any], counts: bool) -> None:
    found = await rooms((NODES, there), **spec)
    assert found is not None
    assert len(found) == int(counts)


@pytest.mark.parametrize("kind", [NODES, PODS])
@pytest.mark.parametrize("status", [403, 500, 0])
async def test_what_cannot_be_read_holds_nothing(kind: Any, status: int) -> None:
    assert await rooms((NODES, node()), fails={kind: ApiError(status, "Whatever", "no")}) is None


async def test_a_cluster_without_nodes_holds_nothing() -> None:
    assert await rooms() is None


async def test_a_priority_class_holds_nothing() -> None:
    """Others may have to give way."""
    assert await rooms((NODES, node()), priorityClassName="serving") is None


async def test_nothing_is_read_while_nothing_is_to_be_started() -> None:
    assert await rooms((NODES, node()), pin=SERVES.version) is None
    assert await rooms((NODES, node()), paused=True) is None
