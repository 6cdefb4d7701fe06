"""Reads what the decision about a RecModel rests on: the TrainingRuns that made versions, and the Deployments."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from pydantic import ValidationError

from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.kinds import DEPLOYMENTS, RECMODELS, TRAININGRUNS
from recsys_operator.api.recmodel import RecModelSpec, RecModelStatus
from recsys_operator.api.rollout import DeploymentStatus
from recsys_operator.api.trainingrun import TrainingRunStatus
from recsys_operator.build.labels import Manifest
from recsys_operator.decide.conditions import find
from recsys_operator.decide.recmodel.facts import DeploymentFacts, ObservedModel, RunFacts, Served
from recsys_operator.decide.recmodel.versions import awaits
from recsys_operator.decide.trainingrun.reasons import SUCCEEDED, Reason
from recsys_operator.observe.reader import Reader

Facts = TypeVar("Facts")

MADE_A_VERSION = {Reason.VERSION_CREATED: True, Reason.GATES_FAILED: False}
"""Reasons of runs that ended with a version, and whether it passed."""


async def observe(client: Reader, obj: Manifest) -> ObservedModel:
    """The facts about the RecModel `obj`."""
    metadata = obj["metadata"]
    runs = await client.list(TRAININGRUNS, metadata["namespace"])
    deployments = await client.list(DEPLOYMENTS, metadata["namespace"])
    return ObservedModel(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        spec=RecModelSpec.model_validate(obj["spec"]),
        status=RecModelStatus.model_validate(obj.get("status") or {}),
        runs=_readable(lambda run: run_facts(run, metadata["name"]), runs),
        deployments=_readable(deployment_facts, deployments),
    )


async def awaits_version(client: Reader, run: Manifest) -> bool:
    """Whether the RecModel of a run has yet to list the version that the run made.

    A RecModel that does not exist awaits nothing; one that cannot be read does until it is corrected.
    """
    name = run["spec"]["modelRef"]["name"]
    made = run_facts(run, name)
    obj = await client.get(RECMODELS, run["metadata"]["namespace"], name) if made else None
    if made is None or obj is None or "deletionTimestamp" in obj["metadata"]:
        return False
    try:
        return awaits(await observe(client, obj), made.result.version, made.result.digest)
    except ValidationError:
        return True


def _readable(read: Callable[[Manifest], Facts | None], objects: Iterable[Manifest]) -> tuple[Facts, ...]:
    """The facts of those that can be read. One that cannot, from before its CRD was narrowed, is its own error only."""
    found = []
    for obj in objects:
        try:
            facts = read(obj)
        except (KeyError, TypeError, ValidationError):
            continue
        if facts is not None:
            found.append(facts)
    return tuple(found)


def run_facts(run: Manifest, model: str) -> RunFacts | None:
    """A run that made a version of the model; None for all others, and for those not decided yet."""
    if run["spec"]["modelRef"]["name"] != model or not run.get("status"):
        return None
    status = TrainingRunStatus.model_validate(run["status"])
    condition = find(status.conditions, SUCCEEDED)
    if condition is None or status.result is None or condition.reason not in MADE_A_VERSION:
        return None
    return RunFacts(
        name=run["metadata"]["name"],
        created=run["metadata"]["creationTimestamp"],
        passed=MADE_A_VERSION[Reason(condition.reason)],
        result=status.result,
    )


def deployment_facts(deployment: Manifest) -> DeploymentFacts:
    """A Deployment, with what it serves, tries, keeps warm or is pinned to."""
    spec = DeploymentSpec.model_validate(deployment["spec"])
    status = DeploymentStatus.model_validate(deployment.get("status") or {})
    serves = {each.version for each in (status.stable, status.canary, status.previous) if each is not None}
    return DeploymentFacts(
        name=deployment["metadata"]["name"],
        model=spec.model_ref.name,
        known=status.observed_generation is not None,
        stable=Served(status.stable.version, status.stable.digest) if status.stable else None,
        serves=frozenset(serves | ({spec.version.pin} if spec.version.pin is not None else set())),
        blocked=frozenset(block.digest for block in status.blocked),
    )
