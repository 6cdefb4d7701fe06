"""KubeRay, played: what it writes into a RayJob's status, and the pods that it makes from the RayJob's templates.

The real one runs in `tests/e2e`; see `hack/cluster/kuberay.sh`.
"""

import copy
import json
from typing import Any

from tests.integration.harness.api import Api, Object

from recsys_operator.api.kinds import PODS, RAYCLUSTERS, RAYJOBS

NOW = "2026-01-02T03:04:05Z"
CREATED_BY = {"app.kubernetes.io/name": "kuberay", "app.kubernetes.io/created-by": "kuberay-operator"}


def word(code: int, reason: str, message: str, **more: Any) -> str:
    """The message of a RayJob whose trainer said something at its end."""
    told = json.dumps({"exitCode": code, "reason": reason, "message": message, **more})
    return (
        f"Job entrypoint command failed with exit code {code}, last available logs (truncated to 20,000 chars):\n"
        f"recsys-trainer-ended {told}\n"
    )


def pods_of(job: Object) -> list[Object]:
    """The head's pod and the workers', as KubeRay 1.6 makes them where it matters here: labels and containers.

    A worker waits for Ray's head in an init container with the container's own securityContext.
    """
    cluster, name = job["spec"]["rayClusterSpec"], job["metadata"]["name"]
    pods = [_pod(job, f"{name}-c-head", "head", cluster["headGroupSpec"]["template"])]
    for group in cluster["workerGroupSpecs"]:
        for number in range(group["replicas"]):
            pod = _pod(job, f"{name}-c-worker-{number}", "worker", group["template"])
            [container] = pod["spec"]["containers"]
            kept = ("image", "env", "securityContext", "volumeMounts")
            wait = {"name": "wait-gcs-ready", **{field: container[field] for field in kept}}
            pod["spec"]["initContainers"] = [wait]
            pods.append(pod)
    return pods


def _pod(job: Object, name: str, node_type: str, template: Object) -> Object:
    made = copy.deepcopy(template)
    made["spec"]["containers"][0] |= {"command": ["/bin/bash", "-c", "--"], "args": ["ulimit -n 65536; ray start"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": job["metadata"]["namespace"],
            "labels": {**CREATED_BY, "ray.io/node-type": node_type, **made["metadata"]["labels"]},
        },
        "spec": made["spec"],
    }


async def says(api: Api, job: Object, **status: Any) -> None:
    """KubeRay's word about a RayJob."""
    metadata = job["metadata"]
    await api.patch(RAYJOBS, metadata["namespace"], metadata["name"], {"status": status}, "status")


async def starts(api: Api, job: Object) -> None:
    """All pods run, and so does the trainer in Ray's head."""
    for pod in pods_of(job):
        made = await api.create(PODS, pod)
        await plays(api, made, {"running": {"startedAt": NOW}})
    await says(api, job, jobDeploymentStatus="Running", jobStatus="RUNNING", startTime=NOW)


async def makes_cluster(api: Api, job: Object) -> Object:
    """The RayCluster of a RayJob, which takes the RayJob's word for how many pods there are, once."""
    metadata = job["metadata"]
    name = f"{metadata['name']}-c"
    owner = {"apiVersion": "ray.io/v1", "kind": "RayJob", "name": metadata["name"], "uid": metadata["uid"]}
    manifest = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": name, "namespace": metadata["namespace"], "ownerReferences": [owner]},
        "spec": copy.deepcopy(job["spec"]["rayClusterSpec"]),
    }
    made = await api.create(RAYCLUSTERS, manifest)
    await says(api, job, rayClusterName=name)
    return made


async def plays(api: Api, pod: Object, state: Object, before: Object | None = None) -> None:
    """The kubelet's word about a pod that runs, and how its container ended before, if it did."""
    container = {
        "name": "trainer",
        "ready": "running" in state,
        "restartCount": int(before is not None),
        "image": "trainer:1",
        "imageID": "",
        "state": state,
        "lastState": before or {},
    }
    status = {"phase": "Running", "startTime": NOW, "containerStatuses": [container]}
    await api.patch(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"], {"status": status}, "status")


async def shuts_down(api: Api, job: Object) -> None:
    """The cluster is deleted, as `shutdownAfterJobFinishes` asks."""
    namespace = job["metadata"]["namespace"]
    for pod in pods_of(job):
        if await api.get(PODS, namespace, pod["metadata"]["name"]) is not None:
            await api.delete(PODS, namespace, pod["metadata"]["name"])
