"""The RayJob of KubeRay that is one attempt of a run with several workers: so many pods, the first one Ray's head too.

KubeRay makes the Ray cluster, submits the command to Ray's dashboard (HTTPMode: no pod besides the workers) and deletes
the cluster when the command has ended. What it does not do well is left to the operator: retries, since KubeRay knows
nothing of exit codes, and the end of an attempt whose head is gone, which KubeRay would never see.
"""

import math
from typing import Any

from recsys_operator.api.kinds import RAYJOBS
from recsys_operator.api.quantity import quantity
from recsys_operator.api.run_config import RunConfig
from recsys_operator.api.trainingrun import TrainingRunSpec
from recsys_operator.build import names
from recsys_operator.build.job import pod, ports, worker_of
from recsys_operator.build.labels import ATTEMPT, CONCLUDED, QUEUE, RUN_UID, Manifest, Owner, child, of_run

RAY_VERSION = "2.60.0"
"""Of the trainer's image. KubeRay asks for it: by it, it knows tokens (2.52) and health checks over HTTP (2.53)."""

ENTRYPOINT = "python -m recsys_workers.train.submitted"

LINGER = 10
"""Seconds for which the pods of a finished attempt stay, so that the operator reads how they ended."""

OBJECT_STORE_BYTES = 80 * 2**20
"""Ray's smallest is 75 MiB; nothing of size goes through it."""

NO_SECOND_HEAD = "ray.io/disable-provisioned-head-restart"
"""Annotation by which KubeRay makes no new head: that would know nothing of the job, which would begin unseen."""

GROUP = "workers"
"""Name of the group of all pods but the head's."""

AT_ONCE = 1
"""An `activeDeadlineSeconds` that is over: KubeRay ends the RayJob and deletes its cluster."""

POD_LOG = {"name": "RECSYS_POD_LOG", "value": "/proc/1/fd/1"}
"""What `kubectl logs` of the head shows is what its first process prints; Ray has the job's lines in a file only."""

RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_COLOR_PREFIX": "0",
    # The log is for the run's own lines, in the pods of Ray's workers as in the trainer, which asks for the same.
    "RAY_LOGGER_LEVEL": "warning",
    "RAY_SCHEDULER_EVENTS": "0",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    # Ray would kill its worker at 95 % of the pod's memory, and call it something else.
    "RAY_memory_monitor_refresh_ms": "0",
}


def ray_job(
    owner: Owner, run: TrainingRunSpec, config: RunConfig, *, attempt: int, deadline: int | None = None
) -> Manifest:
    """The RayJob of an attempt, by the run's snapshot; `deadline` is what is left of the run's time, in seconds.

    With a queue it is made suspended; from then on its `suspend` is Kueue's.
    """
    queue = {} if run.queue_name is None else {QUEUE: run.queue_name}
    marks = {**of_run(config.model, owner.name), ATTEMPT: str(attempt), **queue}
    manifest = child(RAYJOBS, owner, names.ray_job(owner.name, attempt), marks)
    manifest["metadata"]["annotations"] = {NO_SECOND_HEAD: "true"}
    spec: Manifest = {
        "suspend": run.suspend or bool(queue),
        "submissionMode": "HTTPMode",
        "entrypoint": ENTRYPOINT,
        "backoffLimit": 0,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": LINGER,
        "rayClusterSpec": _cluster(owner, run, config, attempt),
    }
    if deadline is not None:
        spec["activeDeadlineSeconds"] = max(AT_ONCE, deadline)
    return {**manifest, "spec": spec}


def with_suspend(live: Manifest, owner: Owner, suspend: bool) -> Manifest:
    """The live RayJob with another `suspend` and nothing else changed. Not for one that has a queue."""
    return _changed(live, owner, {}, {"suspend": suspend})


def concluded(live: Manifest, owner: Owner, how: str, *, over: bool) -> Manifest:
    """The live RayJob, marked with how it failed; one that KubeRay does not call `over` is ended."""
    return _changed(live, owner, {CONCLUDED: how}, {} if over else {"activeDeadlineSeconds": AT_ONCE})


def pods_asked(cluster: Manifest) -> int:
    """How many pods a live RayCluster asks for, the head's included."""
    groups = (cluster.get("spec") or {}).get("workerGroupSpecs") or ()
    return 1 + sum(group.get("replicas") or 0 for group in groups)


def grown(cluster: Manifest, run: TrainingRunSpec) -> Manifest:
    """The live RayCluster of an elastic run with all pods that the run may have.

    A RayJob begins only when all pods of its cluster run, so it is made with few; KubeRay disregards changes of the
    cluster in a RayJob, and leaves the number in the RayCluster to others.
    """
    spec = cluster["spec"]
    groups = [
        {**group, "replicas": run.workers - 1} if group["groupName"] == GROUP else group
        for group in spec["workerGroupSpecs"]
    ]
    return {**cluster, "spec": {**spec, "workerGroupSpecs": groups}}


def _changed(live: Manifest, owner: Owner, annotations: dict[str, str], spec: dict[str, Any]) -> Manifest:
    metadata = live["metadata"]
    manifest = child(RAYJOBS, owner, metadata["name"], metadata.get("labels", {}))
    kept = {name: text for name, text in metadata.get("annotations", {}).items() if name in (NO_SECOND_HEAD, CONCLUDED)}
    manifest["metadata"]["annotations"] = {**kept, **annotations}
    return {**manifest, "spec": {**live["spec"], **spec}}


def _cluster(owner: Owner, run: TrainingRunSpec, config: RunConfig, attempt: int) -> Manifest:
    asked = worker_of(run)
    # What Ray counts: one worker takes a pod's CPUs whole, as the trainer counts them.
    has = {
        "num-cpus": str(max(1, math.ceil(quantity(asked.cpu) or 1))),
        "num-gpus": str(asked.gpu),
        "object-store-memory": str(OBJECT_STORE_BYTES),
    }
    least = [{"name": "RECSYS_MIN_WORKERS", "value": str(run.least_workers)}] if run.elastic else []
    of_user = {one.name for one in run.env or ()}
    env = [
        {"name": "RECSYS_WORKERS", "value": str(run.workers)},
        *least,
        *({"name": name, "value": value} for name, value in RAY_ENVIRONMENT.items() if name not in of_user),
    ]

    def template(*, head: bool) -> Manifest:
        served = ports(run) if head else {}
        marks = {
            **of_run(config.model, owner.name, "trainer" if served else "ray"),
            RUN_UID: owner.uid,
            ATTEMPT: str(attempt),
        }
        # KubeRay's own command starts Ray; a container that ends is started again, and tells how it ended.
        own = [*env, POD_LOG] if head else env
        spec = pod(owner, run, config, command={}, ports=served, env=[dict(one) for one in own])
        return {"metadata": {"labels": marks}, "spec": {"restartPolicy": "Always", **spec}}

    return {
        "rayVersion": RAY_VERSION,
        "authOptions": {"mode": "token"},
        "headGroupSpec": {"rayStartParams": dict(has), "template": template(head=True)},
        "workerGroupSpecs": [
            {
                "groupName": GROUP,
                "replicas": run.first_workers - 1,
                "minReplicas": run.least_workers - 1,
                "maxReplicas": run.workers - 1,
                "rayStartParams": dict(has),
                "template": template(head=False),
            }
        ],
    }
