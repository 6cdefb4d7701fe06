"""Which children of a run are read, for one worker and for several."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.decide.run_facts import OWNER, snapshot
from tests.unit.decide.run_facts import run_spec as spec
from tests.unit.observe.cluster import Cluster, Object

from recsys_operator.api.kinds import PODS, RAYCLUSTERS, RAYJOBS, Resource
from recsys_operator.build.ray_job import ray_job
from recsys_operator.observe.trainingrun import observed_run, read_children

NAME = OWNER.name
LABELS = {"recsys.dev/trainingrun": NAME, "recsys.dev/attempt": "1"}


def named(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "uid": f"uid-of-{name}", **metadata}}


def attempt(number: int) -> dict[str, Any]:
    """A RayJob as it is right after it was made: KubeRay has written no status yet."""
    made = ray_job(OWNER, spec(ray={"workers": 2, "resourcesPerWorker": {}}), snapshot(), attempt=number)
    made["metadata"] |= {"uid": f"uid-{number}", "creationTimestamp": "2026-01-02T03:00:00Z"}
    return made


async def test_pods_are_read_that_outlive_the_rayjob_that_somebody_deleted() -> None:
    cluster = Cluster((PODS, named(f"{NAME}-ray1-c-head", labels=LABELS)), (PODS, named("another")))
    children = await read_children(cluster, "shop", NAME, 2)
    assert [pod["metadata"]["name"] for pod in children.pods] == [f"{NAME}-ray1-c-head"]
    assert (await read_children(cluster, "shop", NAME, 1)).pods == ()


class Ends(Cluster):
    """One in which the RayJob says another word from the moment on at which the pods have been read."""

    def __init__(self, job: Object, then: str, *pods: Object) -> None:
        super().__init__((RAYJOBS, job), *((PODS, pod) for pod in pods))
        self.job, self.then = job, then

    async def list(
        self, resource: Resource, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[Object]:
        found = await super().list(resource, namespace, labels)
        if resource == PODS:
            self.job["status"] = {"jobDeploymentStatus": self.then}
        return copy.deepcopy(found)


@pytest.mark.parametrize(
    ("first", "then", "pods", "seen"),
    [
        ("Running", "Complete", [], "Complete"),  # it ended, and its pods were deleted before they were read
        ("Running", "Running", [], "Running"),  # its head is gone
        ("Running", "Complete", ["worker"], "Complete"),
        ("Initializing", "Running", [], "Initializing"),  # its pods are made after they were read
        ("Running", "Complete", ["head"], "Running"),  # both readings agree; the next look sees the end
    ],
)
async def test_a_head_is_missed_only_of_a_rayjob_that_runs_before_and_after_its_pods_are_read(
    first: str, then: str, pods: list[str], seen: str
) -> None:
    job = attempt(1)
    job["status"] = {"jobDeploymentStatus": first}
    found = [named(f"{NAME}-ray1-c-{one}", labels={**LABELS, "ray.io/node-type": one}) for one in pods]
    children = await read_children(Ends(job, then, *found), "shop", NAME, 2)
    assert [one["status"]["jobDeploymentStatus"] for one in children.rayjobs] == [seen]
    assert len(children.pods) == len(pods)


async def test_a_copy_of_an_attempt_is_neither_counted_nor_in_the_way() -> None:
    first, copy, foreign = attempt(1), attempt(1), named("tried", labels=LABELS)
    copy["metadata"] |= {"name": "tried-too", "uid": "uid-of-the-copy"}
    foreign |= {"kind": "RayJob", "spec": {"entrypoint": "true"}}
    foreign["metadata"]["creationTimestamp"] = "2026-01-02T03:00:00Z"
    cluster = Cluster(*((RAYJOBS, one) for one in (first, copy, foreign)))
    children = await read_children(cluster, "shop", NAME, 2)
    run = {
        "metadata": {"name": NAME, "namespace": "shop", "uid": OWNER.uid, "generation": 1},
        "spec": {"modelRef": {"name": "movies"}, "dataset": {"uri": "pvc://data/x"}},
    }
    seen = observed_run(run, children, None)
    assert [one.name for one in seen.attempts] == [f"{NAME}-ray1"]
    assert seen.strangers == ()


async def test_a_rayjob_of_somebody_else_without_spec_and_status_is_told_of() -> None:
    stranger = {**named(f"{NAME}-ray1", creationTimestamp="2026-01-02T03:00:00Z", labels=LABELS), "status": None}
    children = await read_children(Cluster((RAYJOBS, stranger)), "shop", NAME, 2)
    assert [one["metadata"]["uid"] for one in children.rayjobs] == [f"uid-of-{NAME}-ray1"]


async def test_the_cluster_of_an_elastic_run_is_read_while_it_trains() -> None:
    job = attempt(1)
    cluster = named("c", ownerReferences=[{"uid": "uid-1", "kind": "RayJob"}])
    cluster["spec"] = {"workerGroupSpecs": [{"groupName": "workers", "replicas": 3}]}
    world = Cluster((RAYJOBS, job), (RAYCLUSTERS, cluster))

    async def asked(**status: str) -> int | None:
        job["status"] = {"rayClusterName": "c", "jobDeploymentStatus": "Running", **status}
        children = await read_children(world, "shop", NAME, 4, elastic=True)
        run = {
            "metadata": {"name": NAME, "namespace": "shop", "uid": OWNER.uid, "generation": 1},
            "spec": {"modelRef": {"name": "movies"}, "dataset": {"uri": "pvc://data/x"}},
        }
        return observed_run(run, children, None).attempts[-1].pods_asked

    assert await asked() == 4
    assert await asked(jobDeploymentStatus="Initializing") is None
    assert await asked(rayClusterName="another") is None
    assert (await read_children(world, "shop", NAME, 4)).cluster is None, "a fixed number does not change"
    cluster["metadata"]["ownerReferences"] = [{"uid": "of-somebody-else", "kind": "RayJob"}]
    assert await asked() is None
