"""Reads what the decision about a TrainingRun rests on: its children, their pods, its RecModel."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from recsys_operator.api.kinds import (
    CONFIGMAPS,
    JOBS,
    PODS,
    RAYCLUSTERS,
    RAYJOBS,
    RECMODELS,
    ROLEBINDINGS,
    ROLES,
    SERVICEACCOUNTS,
    Resource,
)
from recsys_operator.api.recmodel import RecModelSpec, RecModelStatus
from recsys_operator.api.run_config import KEY, RunConfig
from recsys_operator.api.trainingrun import TRAININGRUN, TrainingRunSpec, TrainingRunStatus
from recsys_operator.build import names
from recsys_operator.build.labels import RUN_UID, Manifest, Owner
from recsys_operator.build.labels import TRAININGRUN as RUN_LABEL
from recsys_operator.build.ray_job import pods_asked
from recsys_operator.decide.trainingrun.facts import ModelFacts, ObservedRun, Snapshot, Unreadable
from recsys_operator.observe.reader import Reader, faults
from recsys_operator.observe.trainer_pods import job_facts, pod_facts, ray_attempt


@dataclass(frozen=True, slots=True)
class Children:
    """The live objects that bear the names of a run's children, whoever owns them, and the pods with its label."""

    config: Manifest | None
    job: Manifest | None
    access: tuple[Manifest, ...]
    pods: tuple[Manifest, ...]
    rayjobs: tuple[Manifest, ...] = ()
    kuberay: bool = True
    """RayJobs are served."""
    cluster: Manifest | None = None
    """The RayCluster of the newest RayJob of an elastic run, while that one runs."""

    @property
    def all(self) -> tuple[Manifest, ...]:
        """All but the pods."""
        return tuple(child for child in (self.config, self.job, *self.rayjobs, *self.access) if child is not None)

    def rayjob(self, name: str) -> Manifest | None:
        """The one of this name."""
        return next((one for one in self.rayjobs if one["metadata"]["name"] == name), None)


NO_CHILDREN = Children(None, None, (), ())


async def read_children(client: Reader, namespace: str, name: str, workers: int, *, elastic: bool = False) -> Children:
    """Read them. Read the run itself after that: its result is written before its Job completes."""

    async def get(resource: Resource, child: str) -> Manifest | None:
        return await client.get(resource, namespace, child)

    account = names.trainer_account(name)
    job, config, *access = await asyncio.gather(
        get(JOBS, names.training_job(name)) if workers == 1 else _none(),
        get(CONFIGMAPS, names.run_config(name)),
        get(SERVICEACCOUNTS, account),
        get(ROLES, account),
        get(ROLEBINDINGS, account),
    )
    kuberay = workers == 1 or await client.serves(RAYJOBS)
    several = workers > 1 and kuberay
    rayjobs = await _rayjobs(client, namespace, name) if several else ()
    # Pods outlive a RayJob that somebody deleted.
    pods = await client.list(PODS, namespace, {RUN_LABEL: name}) if job or several else []
    if _lacks_head(rayjobs, pods):
        # Either it ended in between, and KubeRay deleted its pods, or its head is gone: then it still runs.
        rayjobs = await _rayjobs(client, namespace, name)
    found = tuple(child for child in access if child is not None)
    cluster = await _cluster(client, namespace, rayjobs) if elastic else None
    return Children(config, job, found, tuple(pods), rayjobs, kuberay, cluster)


async def _none() -> None:
    return None


async def _rayjobs(client: Reader, namespace: str, name: str) -> tuple[Manifest, ...]:
    """The RayJobs that are named and labelled as the run's are, and whatever bears the name of the next one.

    A copy that somebody made of one, to try something, bears its labels too, but another name.
    """
    labelled = await client.list(RAYJOBS, namespace, {RUN_LABEL: name})
    found = [one for one in labelled if one["metadata"]["name"] == names.ray_job(name, ray_attempt(one).number)]
    newest = max((ray_attempt(one).number for one in found), default=0)
    next_one = await client.get(RAYJOBS, namespace, names.ray_job(name, newest + 1))
    known = {one["metadata"]["uid"] for one in found}
    return (*found, *([next_one] if next_one and next_one["metadata"]["uid"] not in known else ()))


def _running(rayjobs: tuple[Manifest, ...]) -> Manifest | None:
    """The newest RayJob, if it runs by KubeRay's word."""
    newest = max(rayjobs, key=lambda one: ray_attempt(one).number, default=None)
    return newest if newest is not None and ray_attempt(newest).deployment == "Running" else None


def _lacks_head(rayjobs: tuple[Manifest, ...], pods: list[Manifest]) -> bool:
    """A RayJob runs, and the pod of Ray's head is not among the pods."""
    running = _running(rayjobs)
    heads = {facts.attempt for facts in map(pod_facts, pods) if facts.head}
    return running is not None and ray_attempt(running).number not in heads


async def _cluster(client: Reader, namespace: str, rayjobs: tuple[Manifest, ...]) -> Manifest | None:
    """The RayCluster that KubeRay made for the newest RayJob, if that runs."""
    newest = _running(rayjobs)
    name = (newest or {}).get("status", {}).get("rayClusterName")
    if newest is None or not name:
        return None
    found = await client.get(RAYCLUSTERS, namespace, name)
    return found if found is not None and _made_by(found, newest) else None


async def read_model(client: Reader, namespace: str, name: str) -> ModelFacts | Unreadable | None:
    """The RecModel that a run names; one that is being deleted does not count."""
    found = await client.get(RECMODELS, namespace, name)
    if found is None or "deletionTimestamp" in found["metadata"]:
        return None
    try:
        spec = RecModelSpec.model_validate(found.get("spec"))
    except ValidationError as error:
        return Unreadable(faults("spec", error))
    try:
        status = RecModelStatus.model_validate(found.get("status") or {})
    except ValidationError as error:
        return Unreadable(faults("status", error))
    return ModelFacts(
        generation=found["metadata"]["generation"],
        observed_generation=status.observed_generation,
        spec=spec,
        champion=status.champion,
        versions=status.versions,
    )


def owner_of(obj: Manifest) -> Owner:
    """A TrainingRun as the owner of its children."""
    metadata = obj["metadata"]
    return Owner(TRAININGRUN, metadata["namespace"], metadata["name"], metadata["uid"])


def observed_run(obj: Manifest, children: Children, model: ModelFacts | Unreadable | None) -> ObservedRun:
    """The facts, from the live objects."""
    metadata = obj["metadata"]
    owner = owner_of(obj)
    job = children.job if children.job and owner.owns(children.job) else None
    attempts = sorted((ray_attempt(one) for one in children.rayjobs if owner.owns(one)), key=lambda one: one.number)
    if attempts and children.cluster is not None:
        attempts[-1] = replace(attempts[-1], pods_asked=pods_asked(children.cluster))
    return ObservedRun(
        namespace=owner.namespace,
        name=owner.name,
        uid=owner.uid,
        generation=metadata["generation"],
        spec=TrainingRunSpec.model_validate(obj["spec"]),
        status=TrainingRunStatus.model_validate(obj.get("status") or {}),
        model=model,
        snapshot=_snapshot(children.config) if children.config and owner.owns(children.config) else None,
        job=job_facts(job) if job else None,
        attempts=tuple(attempts),
        kuberay=children.kuberay,
        pods=tuple(
            pod_facts(pod)
            for pod in children.pods
            if (_made_by(pod, job) if job else _label(pod, RUN_UID) == metadata["uid"])
        ),
        strangers=tuple(
            f"{child['kind']} {child['metadata']['name']}" for child in children.all if not owner.owns(child)
        ),
    )


def _made_by(pod: Manifest, job: Manifest) -> bool:
    references: list[dict[str, Any]] = pod["metadata"].get("ownerReferences") or []
    return any(reference.get("uid") == job["metadata"]["uid"] for reference in references)


def _label(pod: Manifest, name: str) -> str | None:
    found: str | None = (pod["metadata"].get("labels") or {}).get(name)
    return found


def _snapshot(config: Manifest) -> Snapshot:
    name = config["metadata"]["name"]
    try:
        return Snapshot(name, RunConfig.model_validate_json((config.get("data") or {}).get(KEY, "")))
    except ValidationError:
        return Snapshot(name, None)
