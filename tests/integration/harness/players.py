"""The rest of the cluster, played: Job controller, kubelet, trainer, Deployment controller and gateway.

Every player is level-triggered, as the real ones are: it looks at an object, does the next thing, and forgets. None of
them knows of the operator, so an operator that is killed finds a world that went on without it.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
from tests.integration.harness.api import Api, Object, Refused

from recsys_operator.api.kinds import (
    CONFIGMAPS,
    ENDPOINTSLICES,
    HTTPROUTES,
    JOBS,
    PODS,
    RAYJOBS,
    SERVICEACCOUNTS,
    TRAININGRUNS,
    WORKLOADS,
    Resource,
)

RUN_LABEL = "recsys.dev/trainingrun"
WORD = 0.15
"""Seconds between two things that happen to one object, so that whoever watches can see the first."""

BAD_DATA = {"reason": "InvalidData", "message": "The table has no column named item_id."}


class Players:
    """Play in all namespaces of a control plane. What a run comes to is in its hyperparameter `dropout`:

    `0.85` fails its gates, `0.86` fails on its data, `0.87` fails once if there are several workers; all others pass.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self.jobs: dict[tuple[str, str], set[str]] = {}
        """UIDs of all Jobs that ever were, by namespace and run."""
        self.crashing: set[tuple[str, int]] = set()
        """Namespace and version of the servers whose pods crash again and again."""
        self.silent: set[tuple[str, int]] = set()
        """Namespace and version of the servers whose pods never become ready."""
        self.unreached: set[tuple[str, int]] = set()
        """Namespace and version of the servers whose Service does not get their endpoints."""
        self._numbers: dict[tuple[str, str], list[str]] = {}
        self._busy: dict[str, bool] = {}
        """UIDs of objects that are being played, and whether something happened to them meanwhile."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        for resource, play in (
            (JOBS, self._job),
            (RAYJOBS, self._rayjob),
            (WORKLOADS, self._workload),
            (HTTPROUTES, self._route),
        ):
            self._start(self._follow(resource, play))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, resource: Resource, play: Callable[[Object], Awaitable[bool]]) -> None:
        while True:
            with suppress(aiohttp.ClientError, Refused):  # Also where the resource is not served (yet).
                async for kind, obj in self.api.watch(resource):
                    uid = obj["metadata"]["uid"]
                    if kind == "DELETED":
                        continue
                    if resource in (JOBS, RAYJOBS) and RUN_LABEL in obj["metadata"].get("labels", {}):
                        run = (obj["metadata"]["namespace"], obj["metadata"]["labels"][RUN_LABEL])
                        self.jobs.setdefault(run, set()).add(uid)
                    if uid in self._busy:
                        self._busy[uid] = True
                    else:
                        self._start(self._play_on(resource, play, obj))
            await asyncio.sleep(WORD)

    async def _play_on(self, resource: Resource, play: Callable[[Object], Awaitable[bool]], obj: Object) -> None:
        """Play one object until there is nothing left to do for it."""
        metadata = obj["metadata"]
        self._busy[metadata["uid"]] = False
        try:
            more = True
            while more or self._busy[metadata["uid"]]:
                await asyncio.sleep(WORD)
                self._busy[metadata["uid"]] = False
                now = await self.api.get(resource, metadata["namespace"], metadata["name"])
                if now is None or now["metadata"]["uid"] != metadata["uid"] or "deletionTimestamp" in now["metadata"]:
                    return
                try:
                    more = await play(now)
                except Refused as error:
                    if error.status not in (403, 404, 409):
                        raise
        finally:
            del self._busy[metadata["uid"]]

    async def _workload(self, obj: Object) -> bool:
        """All pods of an `apps/v1` Deployment are ready at once, behind its Service. Returns whether more is to do."""
        generation, replicas = obj["metadata"]["generation"], obj["spec"].get("replicas", 1)
        version = obj["metadata"].get("labels", {}).get("recsys.dev/version", "0")
        if (obj["metadata"]["namespace"], int(version)) in self.crashing:
            return await self._crash(obj)
        if (obj["metadata"]["namespace"], int(version)) in self.silent:
            return False
        await self._endpoints(obj, 0 if (obj["metadata"]["namespace"], int(version)) in self.unreached else replicas)
        status = {
            "observedGeneration": generation,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": replicas,
            "availableReplicas": replicas,
            "conditions": [
                _condition("Available", "MinimumReplicasAvailable"),
                _condition("Progressing", "NewReplicaSetAvailable"),
            ],
        }
        found = obj.get("status", {})
        if all(found.get(name) == value for name, value in status.items() if name != "conditions"):
            return False
        await self._patch_status(WORKLOADS, obj, status)
        return True

    async def _endpoints(self, workload: Object, pods: int) -> None:
        """The EndpointSlice of the Service that bears the workload's name, with the labels that it would copy."""
        metadata = workload["metadata"]
        endpoints = [
            {
                "addresses": [f"10.9.{number // 250}.{number % 250 + 1}"],
                "conditions": {"ready": True},
                "targetRef": {
                    "kind": "Pod",
                    "namespace": metadata["namespace"],
                    "name": f"{metadata['name']}-{number}",
                },
            }
            for number in range(pods)
        ]
        found = await self.api.get(ENDPOINTSLICES, metadata["namespace"], metadata["name"])
        if found is None:
            await self.api.create(
                ENDPOINTSLICES,
                {
                    "apiVersion": ENDPOINTSLICES.api_version,
                    "kind": ENDPOINTSLICES.kind,
                    "metadata": {
                        "name": metadata["name"],
                        "namespace": metadata["namespace"],
                        "labels": {**metadata["labels"], "kubernetes.io/service-name": metadata["name"]},
                    },
                    "addressType": "IPv4",
                    "ports": [{"name": "http", "port": 8080}],
                    "endpoints": endpoints,
                },
            )
        elif len(found["endpoints"] or ()) != pods:
            await self.api.patch(ENDPOINTSLICES, metadata["namespace"], metadata["name"], {"endpoints": endpoints})

    async def _crash(self, workload: Object) -> bool:
        """One pod, whose server has ended for the third time."""
        metadata = workload["metadata"]
        if await self.api.get(PODS, metadata["namespace"], f"{metadata['name']}-0") is None:
            with suppress(Refused):  # It may be there already; the controller that makes one is not played.
                await self.api.create(SERVICEACCOUNTS, _account(metadata["namespace"]))
            pod = await self.api.create(PODS, _pod(workload, f"{metadata['name']}-0"))
            ended = {"exitCode": 1, "reason": "Error", "message": "out of ideas", "finishedAt": _now()}
            server = {
                **_container(running=True),
                "name": "server",
                "ready": False,
                "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                "lastState": {"terminated": ended},
            }
            await self._patch_status(PODS, pod, {"phase": "Running", "containerStatuses": [server]})
        found = workload.get("status", {})
        if found.get("observedGeneration") == metadata["generation"]:
            return False
        status = {"observedGeneration": metadata["generation"], "replicas": 1, "updatedReplicas": 1}
        await self._patch_status(WORKLOADS, workload, status)
        return True

    async def _route(self, obj: Object) -> bool:
        """The gateway accepts every route."""
        generation = obj["metadata"]["generation"]
        parents = obj.get("status", {}).get("parents", [])
        if parents and all(one["observedGeneration"] == generation for one in parents[0]["conditions"]):
            return False
        conditions = [
            {**_condition(kind, kind, bare=True), "observedGeneration": generation}
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parent = {
            "parentRef": obj["spec"]["parentRefs"][0],
            "controllerName": "tests.recsys.dev/gateway",
            "conditions": conditions,
        }
        await self._patch_status(HTTPROUTES, obj, {"parents": [parent]})
        return True

    async def _job(self, job: Object) -> bool:
        """One step of a training: a pod, its running, its report, its end."""
        metadata = job["metadata"]
        run = metadata.get("labels", {}).get(RUN_LABEL)
        conditions = {one["type"] for one in job.get("status", {}).get("conditions", ()) if one["status"] == "True"}
        if run is None or conditions & {"Complete", "Failed"} or job["spec"].get("suspend"):
            return False
        namespace, name = metadata["namespace"], f"{metadata['name']}-0"
        pod = await self.api.get(PODS, namespace, name)
        if pod is None:
            await self.api.create(PODS, _pod(job, name))
            await self._patch_status(JOBS, job, {"startTime": _now(), "active": 1, "ready": 0})
            return True
        if pod.get("status", {}).get("phase") == "Pending":
            await self._patch_status(PODS, pod, {"phase": "Running", "containerStatuses": [_container(running=True)]})
            await self._patch_status(JOBS, job, {"ready": 1})
            return True
        if pod["status"]["phase"] == "Running":
            end = await self._train(namespace, run)
            if end is None:
                return True
            phase = "Succeeded" if end[0] == 0 else "Failed"
            await self._patch_status(PODS, pod, {"phase": phase, "containerStatuses": [_container(end=end)]})
            return True
        if pod["status"]["phase"] == "Succeeded":
            ended = {"completionTime": _now(), "succeeded": 1, "conditions": _ended("SuccessCriteriaMet", "Complete")}
        else:
            ended = {"failed": 1, "conditions": _ended("FailureTarget", "Failed")}
        await self._patch_status(JOBS, job, {"active": 0, "ready": 0, **ended})
        return False

    async def _rayjob(self, job: Object) -> bool:
        """One step of a training by several workers: Ray's head, its running, report and end. Workers are left out."""
        status, metadata = job.get("status", {}), job["metadata"]
        namespace, head = metadata["namespace"], f"{metadata['name']}-head"
        pod = await self.api.get(PODS, namespace, head)
        if status.get("jobDeploymentStatus") in ("Complete", "Failed"):
            if pod is not None:
                await self.api.delete(PODS, namespace, head)
            return False
        if job["spec"].get("suspend"):
            return False
        if pod is None:
            await self.api.create(PODS, _head(job, head))
            await self._patch_status(RAYJOBS, job, {"jobDeploymentStatus": "Initializing", "startTime": _now()})
            return True
        if pod.get("status", {}).get("phase") == "Pending":
            await self._patch_status(PODS, pod, {"phase": "Running", "containerStatuses": [_container(running=True)]})
            await self._patch_status(RAYJOBS, job, {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"})
            return True
        end = await self._attempt(namespace, metadata["labels"])
        if end is None:
            return True
        ended = {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}
        if end[0]:
            word = {"pod": head, "exitCode": end[0], **json.loads(end[1])}
            message = f"recsys-trainer-ended {json.dumps(word)}"
            ended = {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "message": message}
        await self._patch_status(RAYJOBS, job, ended)
        return True

    async def _attempt(self, namespace: str, labels: Object) -> tuple[int, str] | None:
        """As `_train`, but the first attempt may stumble."""
        config = await self.api.get(CONFIGMAPS, namespace, f"{labels[RUN_LABEL]}-config")
        if labels["recsys.dev/attempt"] == "1" and config and '"dropout": "0.87"' in config["data"]["run.json"]:
            return (1, json.dumps({"reason": "TrainingFailed", "message": "A worker died."}))
        return await self._train(namespace, labels[RUN_LABEL])

    async def _train(self, namespace: str, name: str) -> tuple[int, str] | None:
        """What the trainer writes: progress, then the result. Returns exit code and last words, None while it works."""
        run = await self.api.get(TRAININGRUNS, namespace, name)
        config = await self.api.get(CONFIGMAPS, namespace, f"{name}-config")
        if run is None or config is None:
            return (1, "")
        config = json.loads(config["data"]["run.json"])
        status = run.get("status", {})
        if "progress" not in status:
            progress = {"stage": "Training", "epoch": 1, "epochs": 2, "percent": 50, "loss": "6.5", "message": ""}
            await self._report(run, {"progress": progress})
            return None
        if config["hyperparameters"].get("dropout") == "0.86":
            return (2, json.dumps(BAD_DATA))
        if "result" not in status:
            await self._report(run, {"progress": status["progress"], "result": self._result(run, config)})
            return None
        return (0, "")

    async def _report(self, run: Object, status: Object) -> None:
        metadata = run["metadata"]
        await self.api.apply_status(TRAININGRUNS, metadata["namespace"], metadata["name"], status, manager="trainer")

    def _result(self, run: Object, config: Object) -> Object:
        """The store's next number is taken once a run, by its UID."""
        taken = self._numbers.setdefault((config["namespace"], config["model"]), [])
        if run["metadata"]["uid"] not in taken:
            taken.append(run["metadata"]["uid"])
        number = taken.index(run["metadata"]["uid"]) + 1
        verdict = "Failed" if config["hyperparameters"].get("dropout") == "0.85" else "Passed"
        metrics = [
            {"name": name, "value": "0.041", "low": "0.039", "high": "0.043"}
            for name in config["evaluation"]["metrics"]
        ]
        return {
            "version": number,
            "uri": f"{config['storage']['uri']}/{config['namespace']}/{config['model']}/versions/{number}",
            "digest": "sha256:" + hashlib.sha256(f"{config['model']} {number}".encode()).hexdigest(),
            "verdict": verdict,
            "dataset": {"digest": "sha256:" + "d" * 64, "users": 943, "items": 1682, "interactions": 100000},
            "metrics": metrics,
            "gates": [
                {"name": gate["name"], "verdict": verdict, "metric": "NDCG@10", "value": "0.041", "threshold": "0.03"}
                for gate in config["gates"]
            ],
        }

    async def _patch_status(self, resource: Resource, obj: Object, status: Object) -> None:
        metadata = obj["metadata"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
        await self.api.patch(resource, metadata["namespace"], metadata["name"], patch, "status")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(kind: str, reason: str, *, bare: bool = False) -> Object:
    condition = {"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": _now()}
    return condition if bare else {**condition, "lastUpdateTime": _now()}


def _ended(*kinds: str) -> list[Object]:
    return [{**_condition(kind, "Played", bare=True), "lastProbeTime": _now()} for kind in kinds]


def _account(namespace: str) -> Object:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}}


def _pod(job: Object, name: str) -> Object:
    """A pod of a Job, or of an `apps/v1` Deployment."""
    template = job["spec"]["template"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": job["metadata"]["namespace"],
            "labels": template["metadata"]["labels"],
            "ownerReferences": [
                {
                    "apiVersion": job["apiVersion"],
                    "kind": job["kind"],
                    "name": job["metadata"]["name"],
                    "uid": job["metadata"]["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": template["spec"],
    }


def _head(job: Object, name: str) -> Object:
    """The pod of Ray's head; KubeRay's RayCluster, which would own it, is left out."""
    template = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]
    labels = {**template["metadata"]["labels"], "ray.io/node-type": "head"}
    metadata = {"name": name, "namespace": job["metadata"]["namespace"], "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def _container(*, running: bool = False, end: tuple[int, str] = (0, "")) -> Object:
    state: Object = {"running": {"startedAt": _now()}}
    if not running:
        code, message = end
        state = {
            "terminated": {
                "exitCode": code,
                "reason": "Error" if code else "Completed",
                "message": message,
                "finishedAt": _now(),
            }
        }
    return {
        "name": "trainer",
        "ready": running,
        "restartCount": 0,
        "image": "played",
        "imageID": "",
        "state": state,
    }
