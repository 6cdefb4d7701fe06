"""What is read of nodes and pods before a version is started, and when."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from weakref import WeakSet

import pytest
from tests.unit.decide.run_facts import model_spec
from tests.unit.observe.cluster import CATALOGUE, SERVES, VERSION, Cluster, Object, deployment, model, seen, workload

from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.kinds import DEPLOYMENTS, NODES, PODS, RECMODELS, WORKLOADS
from recsys_operator.apply.client import ApiError
from recsys_operator.decide.deployment.facts import Room
from recsys_operator.observe import capacity, reader

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


def start_of_version_two(*objects: tuple[Any, Object], pin: int = 2, fails: Any = None, **spec: Any) -> Cluster:
    obj = deployment()
    obj["spec"] |= {"version": {"pin": pin}, **spec}
    found = model(model_spec(catalogue=CATALOGUE.wire()).wire(), {"versions": [VERSION, OTHER]})
    return Cluster((DEPLOYMENTS, obj), (WORKLOADS, workload()), (RECMODELS, found), *objects, fails=fails)


async def rooms(*objects: tuple[Any, Object], **how: Any) -> tuple[Room, ...] | None:
    return (await seen(start_of_version_two(*objects, **how))).facts.rooms


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


CORDONED = {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}
REQUIRED, PREFERRED = (f"{one}DuringSchedulingIgnoredDuringExecution" for one in ("required", "preferred"))
AWAY = {"labelSelector": {"matchLabels": {"app": "shop"}}, "topologyKey": "kubernetes.io/hostname"}


def need(key: str, operator: str, *values: str) -> Object:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


NOWHERE = need("disk", "In", "nowhere")


def term(*needs: Object) -> Object:
    return {"matchExpressions": list(needs)}


def on(*needs: Object) -> Object:
    """Affinity to nodes that fulfil all of these."""
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term(*needs)]}}}


def either(*needs: Object) -> Object:
    """Affinity to nodes that fulfil any of these."""
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term(one) for one in needs]}}}


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
        (node(unschedulable=True), {"tolerations": [CORDONED]}, True),
        (node(unschedulable=True, taints=[CORDONED]), {"tolerations": [CORDONED]}, True),
        (node(unschedulable=True), {"tolerations": [{**CORDONED, "effect": "NoExecute"}]}, False),
        (node(), {"affinity": on(need("disk", "In", "ssd", "nvme"))}, False),
        (node(labels={"disk": "hdd"}), {"affinity": on(need("disk", "In", "ssd", "nvme"))}, False),
        (node(labels={"disk": "nvme"}), {"affinity": on(need("disk", "In", "ssd", "nvme"))}, True),
        (node(), {"affinity": on(need("disk", "NotIn", "hdd"))}, True),
        (node(labels={"disk": "hdd"}), {"affinity": on(need("disk", "NotIn", "hdd"))}, False),
        (node(labels={"disk": "ssd"}), {"affinity": on(need("disk", "NotIn", "hdd"))}, True),
        (node(), {"affinity": on(need("disk", "Exists"))}, False),
        (node(labels={"disk": ""}), {"affinity": on(need("disk", "Exists"))}, True),
        (node(), {"affinity": on(need("disk", "DoesNotExist"))}, True),
        (node(labels={"disk": ""}), {"affinity": on(need("disk", "DoesNotExist"))}, False),
        (node(labels={"cores": "16"}), {"affinity": on(need("cores", "Gt", "9"))}, True),
        (node(labels={"cores": "9"}), {"affinity": on(need("cores", "Gt", "9"))}, False),
        (node(labels={"cores": "8"}), {"affinity": on(need("cores", "Lt", "9"))}, True),
        (node(labels={"cores": "16"}), {"affinity": on(need("cores", "Lt", "9"))}, False),
        (node(labels={"cores": "many"}), {"affinity": on(need("cores", "Gt", "9"))}, False),
        (node(), {"affinity": on(need("cores", "Lt", "9"))}, False),
        # All of a term, any of the terms, and the node selector besides.
        (node(labels={"disk": "ssd"}), {"affinity": on(need("disk", "Exists"), need("gpu", "Exists"))}, False),
        (node(labels={"gpu": "1"}), {"affinity": either(need("disk", "Exists"), need("gpu", "Exists"))}, True),
        (node(labels={"arm": "1"}), {"affinity": either(need("disk", "Exists"), need("gpu", "Exists"))}, False),
        (node(labels={"gpu": "1"}), {"affinity": on(need("gpu", "Exists")), "nodeSelector": {"disk": "ssd"}}, False),
        (node(labels={"gpu": "1"}, taints=[TAINT]), {"affinity": on(need("gpu", "Exists"))}, False),
        # What is only preferred, or about other pods, keeps no node from counting.
        (node(), {"affinity": {"nodeAffinity": {PREFERRED: [{"weight": 1, "preference": term(NOWHERE)}]}}}, True),
        (node(), {"affinity": {"podAntiAffinity": {REQUIRED: [AWAY]}}}, True),
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


class Pod(dict[str, Any]):
    """A pod whose life can be followed."""

    __hash__ = object.__hash__  # type: ignore[assignment]


class Crowd(Cluster):
    """A cluster with one node and many pages of pods; `most` is how many pods were held at once."""

    def __init__(self, pages: int, a_page: int) -> None:
        super().__init__((NODES, node()))
        self.size, self.a_page = pages, a_page
        self.alive: WeakSet[Pod] = WeakSet()
        self.asked: list[str] = []
        self.most = 0

    async def pages(self, resource: Any, *where: Any, fields: str = "", **_: Any) -> AsyncIterator[Sequence[Object]]:
        if resource != PODS:
            async for page in super().pages(resource, *where):
                yield page
            return
        self.asked.append(fields)
        for _number in range(self.size):
            crowd = [Pod(pod("1m", "1Mi")) for _pod in range(self.a_page)]
            self.alive.update(crowd)
            self.most = max(self.most, len(self.alive))
            yield crowd
            del crowd


async def test_a_page_of_pods_is_let_go_before_the_next_but_one() -> None:
    crowd = Crowd(pages=20, a_page=50)
    assert await capacity.rooms(crowd, DeploymentSpec.model_validate(deployment()["spec"])) == (
        Room(2000 - 1000, (4096 - 1000) * MIB, 110 - 1000),
    )
    assert crowd.most <= 2 * 50
    assert crowd.asked == ["status.phase!=Succeeded,status.phase!=Failed"]


async def test_pods_are_not_read_where_no_node_may_take_the_version() -> None:
    crowd = Crowd(pages=1, a_page=1)
    spec = {**deployment()["spec"], "nodeSelector": {"disk": "ssd"}}
    assert await capacity.rooms(crowd, DeploymentSpec.model_validate(spec)) == ()
    assert crowd.asked == []


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, Any]]:
    found = [(one.levelname, one.getMessage(), vars(one).get("error")) for one in caplog.records]
    caplog.clear()
    return found


UNKNOWN = "the room on the nodes is not known: versions are started without a look at it"


async def test_an_unknown_room_is_told_once_until_that_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    cluster = start_of_version_two((NODES, node()))
    await seen(cluster)
    assert logged(caplog) == []
    cluster.fails = {PODS: ApiError(500, "InternalError", "no pods")}
    await seen(cluster)
    await seen(cluster)
    assert logged(caplog) == [("WARNING", UNKNOWN, "no pods")]
    cluster.fails = {NODES: ApiError(0, "Unreachable", "no nodes")}
    await seen(cluster)
    assert logged(caplog) == [("WARNING", UNKNOWN, "no nodes")]
    cluster.fails = {}
    await seen(cluster)
    await seen(cluster)
    assert logged(caplog) == [("INFO", "the room on the nodes is known again", None)]


async def test_a_missing_right_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    """It is a choice: the chart grants it with capacityPreflight.enabled."""
    caplog.set_level("INFO")
    assert await rooms((NODES, node()), fails={NODES: ApiError(403, "Forbidden", "no right")}) is None
    assert logged(caplog) == [("INFO", UNKNOWN, "no right")]


async def test_more_pods_than_can_be_read_in_time_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(Crowd):
        async def pages(self, resource: Any, *where: Any, **how: Any) -> AsyncIterator[Sequence[Object]]:
            async for page in super().pages(resource, *where, **how):
                yield page
                await asyncio.sleep(0.02 if resource == PODS else 0)

    monkeypatch.setattr(reader, "PATIENCE", 0.1)
    spec = DeploymentSpec.model_validate(deployment()["spec"])
    assert await capacity.rooms(Slow(pages=1000, a_page=1), spec) is None
    assert logged(caplog) == [("WARNING", UNKNOWN, "not read within 0.1 s")]
