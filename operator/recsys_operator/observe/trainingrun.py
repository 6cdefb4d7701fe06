"""Reads what the decision about a TrainingRun rests on: its children, their pods, its RecModel."""

import asyncio
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from recsys_operator.api.kinds import (
    CONFIGMAPS,
    JOBS,
    PODS,
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
from recsys_operator.build.labels import TRAININGRUN as RUN_LABEL
from recsys_operator.build.labels import Manifest, Owner
from recsys_operator.decide.trainingrun.facts import ModelFacts, ObservedRun, Snapshot, Unreadable
from recsys_operator.observe.reader import Reader, faults
from recsys_operator.observe.trainer_pods import job_facts, pod_facts


@dataclass(frozen=True, slots=True)
class Children:
    """The live objects that bear the names of a run's children, whoever owns them, and the pods with its label."""

    config: Manifest | None
    job: Manifest | None
    access: tuple[Manifest, ...]
    pods: tuple[Manifest, ...]

    @property
    def all(self) -> tuple[Manifest, ...]:
        """All but the pods."""
        return tuple(child for child in (self.config, self.job, *self.access) if child is not None)


NO_CHILDREN = Children(None, None, (), ())


async def read_children(client: Reader, namespace: str, name: str) -> Children:
    """Read them. Read the run itself after that: its result is written before its Job completes."""

    async def get(resource: Resource, child: str) -> Manifest | None:
        return await client.get(resource, namespace, child)

    account = names.trainer_account(name)
    job, config, *access = await asyncio.gather(
        get(JOBS, names.training_job(name)),
        get(CONFIGMAPS, names.run_config(name)),
        get(SERVICEACCOUNTS, account),
        get(ROLES, account),
        get(ROLEBINDINGS, account),
    )
    pods = await client.list(PODS, namespace, {RUN_LABEL: name}) if job else []
    return Children(config, job, tuple(child for child in access if child is not None), tuple(pods))


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
        pods=tuple(pod_facts(pod) for pod in children.pods if job and _made_by(pod, job)),
        strangers=tuple(
            f"{child['kind']} {child['metadata']['name']}" for child in children.all if not owner.owns(child)
        ),
    )


def _made_by(pod: Manifest, job: Manifest) -> bool:
    references: list[dict[str, Any]] = pod["metadata"].get("ownerReferences") or []
    return any(reference.get("uid") == job["metadata"]["uid"] for reference in references)


def _snapshot(config: Manifest) -> Snapshot:
    name = config["metadata"]["name"]
    try:
        return Snapshot(name, RunConfig.model_validate_json((config.get("data") or {}).get(KEY, "")))
    except ValidationError:
        return Snapshot(name, None)
